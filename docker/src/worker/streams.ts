/** `process.stdout` and `process.stderr` of the cells: what is written there goes the way of `console.log`. */
const isView: (value: unknown) => boolean = ArrayBuffer.isView.bind(ArrayBuffer);

export type WriteBytes = (name: "stdout" | "stderr", data: string | Uint8Array) => void;

export function replaceStandardStreams(write: WriteBytes): void {
  for (const name of ["stdout", "stderr"] as const)
    process[name].write = (chunk: unknown, encoding?: unknown, done?: unknown): boolean => {
      if (typeof chunk === "string" && typeof encoding === "string" && encoding !== "utf8")
        write(name, Buffer.from(chunk, encoding as BufferEncoding));
      else if (typeof chunk === "string" || isView(chunk)) write(name, chunk as string | Uint8Array);
      else throw new TypeError(`process.${name}.write takes a string or bytes, not ${typeof chunk}`);
      const callback = typeof encoding === "function" ? encoding : done;
      if (typeof callback === "function") queueMicrotask(callback as () => void);
      return true;
    };
}
