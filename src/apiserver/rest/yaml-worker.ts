/** Reads long YAML beside the server: see parse-yaml.ts. */
import { parentPort } from 'node:worker_threads'
import { parseYAMLStrict } from '#api/schema/parse-yaml-strict.ts'
import type { YAMLAnswer } from './parse-yaml.ts'

parentPort!.on('message', (text: string) => {
  parentPort!.postMessage(answer(text))
})

function answer(text: string): YAMLAnswer {
  try {
    return { parsed: parseYAMLStrict(text) }
  } catch (cause) {
    const { name, message } = cause as Error
    return { error: { isYAML: name === 'YAMLError', message } }
  }
}
