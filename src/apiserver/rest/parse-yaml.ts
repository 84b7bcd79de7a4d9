import { Worker } from 'node:worker_threads'
import type { StrictYAML } from '#api/schema/parse-yaml-strict.ts'
import { YAMLError } from '#api/schema/yaml-errors.ts'

export type YAMLAnswer =
  | { readonly parsed: StrictYAML }
  | { readonly error: { readonly isYAML: boolean; readonly message: string } }

interface Job {
  readonly text: string
  readonly resolve: (parsed: StrictYAML) => void
  readonly reject: (cause: Error) => void
}

/** Shorter texts take some ten milliseconds at most; 3 MiB take seconds, and nobody else may wait for them. */
const MAX_HERE = 32 * 1024
/** How long a reader without work is kept: its heap has room for what it read last, 100 MB and more, and only its end gives that back. */
const IDLE_MS = 1_000
/** No text that may be sent takes as long. */
const TIMEOUT_MS = 30_000
/** 3 MiB of keys and texts need 120; as much of nothing but brackets needs a thousand, and is refused. */
const MAX_MEGABYTES = 512

/** YAML as Kubernetes reads it; long texts are read one after another in a thread of their own. @throws YAMLError */
export async function parseYAML(text: string): Promise<StrictYAML> {
  if (text.length > MAX_HERE) return readBeside(text)
  const { parseYAMLStrict } = await import('#api/schema/parse-yaml-strict.ts')
  return parseYAMLStrict(text)
}

const jobs: Job[] = []
let isReading = false
let reader: Worker | undefined
let idle: NodeJS.Timeout | undefined

function readBeside(text: string): Promise<StrictYAML> {
  const { promise, resolve, reject } = Promise.withResolvers<StrictYAML>()
  jobs.push({ text, resolve, reject })
  if (!isReading) void readAll()
  return promise
}

async function readAll(): Promise<void> {
  isReading = true
  clearTimeout(idle)
  for (let job = jobs.shift(); job; job = jobs.shift()) {
    await read(job.text).then(job.resolve, job.reject)
  }
  isReading = false
  idle = setTimeout(() => stop(), IDLE_MS).unref()
}

function stop(): void {
  void reader?.terminate()
  reader = undefined
}

async function read(text: string): Promise<StrictYAML> {
  reader ??= new Worker(new URL('yaml-worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: MAX_MEGABYTES },
  })
  const worker = reader
  const { promise, resolve, reject } = Promise.withResolvers<YAMLAnswer>()
  const fail = (why: string) => () => reject(new YAMLError(`yaml: cannot read it: ${why}`))
  const [tooLarge, tooSlow] = [fail('it takes too much memory'), fail('it takes too long')]
  const timer = setTimeout(tooSlow, TIMEOUT_MS)
  worker.ref()
  worker.once('message', resolve).once('error', tooLarge).once('exit', tooLarge)
  try {
    worker.postMessage(text)
    const answer = await promise
    if ('parsed' in answer) return answer.parsed
    throw answer.error.isYAML
      ? new YAMLError(answer.error.message)
      : new Error(answer.error.message)
  } catch (cause) {
    if (cause instanceof YAMLError && cause.message.startsWith('yaml: cannot read it')) stop()
    throw cause
  } finally {
    clearTimeout(timer)
    worker.off('message', resolve).off('error', tooLarge).off('exit', tooLarge)
    worker.unref()
  }
}
