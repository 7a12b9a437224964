/** What can be done with a session that has just been opened (Link Objects of OpenAPI 3.1.0). */
const NAMED = "$response.body#/session";
const FOR_QUESTION = { code: "let bun = 1; bun", cursor: 3, session: NAMED };

export const OF_SESSIONS = {
  ...Object.fromEntries(
    ["execute", "isComplete", "complete", "inspect", "variables", "reset", "interrupt"].map((operationId) => [
      operationId,
      { operationId, requestBody: FOR_QUESTION },
    ]),
  ),
  ...Object.fromEntries(
    ["listFiles", "writeFile", "closeSession"].map((operationId) => [
      operationId,
      { operationId, parameters: { session: NAMED } },
    ]),
  ),
};
