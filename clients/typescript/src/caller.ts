// Where a call came from: a stack that begins with the caller's line instead of those of this package.

/** The package's own modules; unknown if a bundler has put everything into one file. */
const HOME = /^(.*\/)caller\.js$/.exec(import.meta.url)?.[1];
const FRAME = "\n    at ";
/** So many more frames than usual are looked at: those of this package come first. */
const MORE = 40;

/** Gives the error the stack from the caller's first line on; leaves it alone if there is none. */
export function beginAtCaller(error: Error, above: NewableFunction): void {
  if (HOME === undefined) return;
  const home = HOME;
  const stack = longStack(error, above);
  // The message may hold a stack of its own.
  const head = `${error.name}: ${error.message}`;
  if (!stack?.startsWith(head)) return;
  const frames = stack.slice(head.length).split(FRAME).slice(1);
  const first = frames.findIndex((frame) => !isInner(frame, home));
  if (first === -1) return;
  const kept = frames.slice(first, first + Math.max(1, Error.stackTraceLimit));
  const value = head + kept.map((frame) => FRAME + frame).join("");
  Object.defineProperty(error, "stack", { value, writable: true, configurable: true, enumerable: false });
}

function longStack(error: Error, above: NewableFunction): string | undefined {
  const limit = Error.stackTraceLimit;
  // Who wants no stacks gets none; and where nobody may set the limit, the usual number of frames has to do.
  if (!(limit > 0) || Object.getOwnPropertyDescriptor(Error, "stackTraceLimit")?.writable !== true) return error.stack;
  try {
    Error.stackTraceLimit = limit + MORE;
    Error.captureStackTrace(error, above);
    return error.stack;
  } finally {
    Error.stackTraceLimit = limit;
  }
}

function isInner(frame: string, home: string): boolean {
  return frame.includes(home) || /\/node_modules\/@connectrpc\/|\(?node:/.test(frame) || frame.includes("<anonymous>");
}
