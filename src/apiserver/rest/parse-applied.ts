import { parseJSONStrict } from '#api/schema/parse-json-strict.ts'
import type { StrictYAML } from '#api/schema/parse-yaml-strict.ts'
import { explainRounded } from '#api/schema/rounded-integers.ts'
import { YAMLError } from '#api/schema/yaml-errors.ts'
import { badRequest } from '#api/status.ts'

/** A configuration to apply. JSON is YAML, and what programs send; YAML takes twenty times as long. @throws StatusError 400 */
export async function parseApplied(text: string): Promise<StrictYAML> {
  if (text.startsWith('{')) {
    try {
      const { value, duplicates, numbers } = parseJSONStrict(text)
      const isExact = duplicates.length === 0 && explainRounded(numbers) === undefined
      if (isExact) return { value, strictErrors: [] }
    } catch {
      // then YAML says what is wrong
    }
  }
  const { parseYAML } = await import('./parse-yaml.ts')
  try {
    return await parseYAML(text)
  } catch (cause) {
    if (!(cause instanceof YAMLError)) throw cause
    throw badRequest(`error decoding YAML: error converting YAML to JSON: ${cause.message}`)
  }
}
