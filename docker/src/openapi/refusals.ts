/** What is answered instead, by status. */
import { refused } from "./schemas.ts";

export const BAD_REQUEST = refused("Not JSON in UTF-8, or a field of the wrong type.");
export const SHARED_REFUSALS = {
  "400": BAD_REQUEST,
  "401": refused("No secret, or a wrong one."),
  "403": refused("Without a secret, code inside asks for itself."),
  "408": refused("The body took longer than 10 s to come."),
  "413": refused("The body has more than 1 MiB."),
  "500": refused("A fault of the supervisor."),
};
export const NO_SESSION = { "404": refused("There is no session of that name.") };
export const BUSY = { "409": refused("It runs something already.") };
export const TOO_MANY = {
  "429": {
    ...refused("Too many wait or are open; ask again later."),
    headers: { "Retry-After": { description: "Seconds.", schema: { type: "integer" } } },
  },
};

export const FILE_REFUSALS = {
  "400": refused("A path that does not lead down from the folder, or not to a file."),
  "401": SHARED_REFUSALS["401"],
  "403": SHARED_REFUSALS["403"],
  "404": refused("There is no such session, folder or file."),
  "409": refused("The folder is being cleared of what was there before; ask again in a moment."),
  "500": SHARED_REFUSALS["500"],
};
