export type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** The object without its properties that are undefined. */
export function defined<T extends object>(value: T): Defined<T> {
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(entries) as Defined<T>
}
