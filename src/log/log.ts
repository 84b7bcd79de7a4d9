/** Where a component says what it does. One line an entry: time, level, component, message, fields as JSON. */
export interface Log {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
  /** The same log under a longer component name. */
  child(component: string): Log
}

/** A log that writes lines to `write` (standard error by default). Errors print their chain of causes. */
export function createLog(
  component: string,
  write: (line: string) => void = (line) => process.stderr.write(line),
): Log {
  const say =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      const rest =
        Object.keys(fields).length === 0
          ? ''
          : ` ${JSON.stringify(fields, (_, value) => (value instanceof Error ? explain(value) : value))}`
      write(`${new Date().toISOString()} ${level} ${component}: ${message}${rest}\n`)
    }
  return {
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: (name) => createLog(`${component}/${name}`, write),
  }
}

function explain(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${explain(error.cause)}` : error.message
}

/** Says nothing: for tests. */
export const silentLog: Log = { info() {}, warn() {}, error() {}, child: () => silentLog }
