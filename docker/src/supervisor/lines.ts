/** Pure: bytes in pieces → whole lines of UTF-8, none longer than a limit. */

/** Longest line that is accepted, in UTF-16 units: an image of 3 MB in base64 fits. */
export const MAX_LINE = 4 << 20;

export class LineTooLong extends Error {}

export class Lines {
  readonly #decoder = new TextDecoder();
  #rest = "";

  /** @throws {LineTooLong} when a line exceeds the limit; what follows cannot be trusted then. */
  feed(chunk: Uint8Array): string[] {
    const text = this.#decoder.decode(chunk, { stream: true });
    if (!text.includes("\n")) {
      this.#rest += text;
      if (this.#rest.length > MAX_LINE) throw new LineTooLong(`a line exceeds ${MAX_LINE} characters`);
      return [];
    }
    const parts = (this.#rest + text).split("\n");
    this.#rest = parts.pop() ?? "";
    return parts.filter((part) => part !== "");
  }
}
