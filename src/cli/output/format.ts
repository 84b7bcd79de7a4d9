/** The forms of `-o` that print whole values. */
export type DataFormat = 'json' | 'yaml'

/** A value as JSON or YAML, with a newline at the end. */
export async function formatData(value: unknown, format: DataFormat): Promise<string> {
  if (format === 'json') return `${JSON.stringify(value, null, 2)}\n`
  const { stringify } = await import('yaml')
  return stringify(value, { lineWidth: 0 })
}
