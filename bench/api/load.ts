/** A client process of bench/api: does one job against a server and says its numbers as one JSON line. */
import { readFileSync, writeSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'

interface Job {
  readonly port: number
  readonly caPEM: string
  readonly admin: { readonly certPEM: string; readonly keyPEM: string }
  readonly work:
    | {
        readonly kind: 'create'
        readonly prefix: string
        readonly count: number
        readonly inFlight: number
      }
    | { readonly kind: 'watch'; readonly watchers: number; readonly events: number }
}

const { port, caPEM, admin, work } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Job
const PODS = '/api/v1/namespaces/default/pods'
/** Streams of one connection share its window and its place in the event loop; real clients have their own. */
const WATCHES_PER_CONNECTION = 50

function open(): ClientHttp2Session {
  const session = connect(`https://127.0.0.1:${port}`, {
    ca: caPEM,
    cert: admin.certPEM,
    key: admin.keyPEM,
    settings: { enablePush: false, initialWindowSize: 4 << 20 },
  })
  session.once('connect', () => session.setLocalWindowSize(16 << 20))
  return session
}

const say = (value: unknown) => writeSync(1, `${JSON.stringify(value)}\n`)

if (work.kind === 'create') await create(work)
else await watch(work)

async function create({ prefix, count, inFlight }: Extract<Job['work'], { kind: 'create' }>) {
  const pod = readFileSync(new URL('./pod.json', import.meta.url), 'utf8').trim()
  const session = open()
  await new Promise((resolve) => session.once('remoteSettings', resolve))
  let next = 0
  const post = () =>
    new Promise<void>((resolve, reject) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': PODS,
        'content-type': 'application/json',
      })
      stream.on('response', (headers) => {
        if (headers[':status'] !== 201) reject(new Error(`Cannot create: ${headers[':status']}`))
      })
      stream.on('error', reject)
      stream.on('close', resolve)
      stream.resume()
      stream.end(pod.replace('NAME', `${prefix}-${next++}`).replace('AT', String(Date.now())))
    })
  const started = performance.now()
  const worker = async () => {
    while (next < count) await post()
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  say({ seconds: (performance.now() - started) / 1000 })
  session.destroy()
}

/** Says `ready`, then how long after its writing each event came, in milliseconds. */
async function watch({ watchers, events }: Extract<Job['work'], { kind: 'watch' }>) {
  const delays: number[] = []
  const sessions: ClientHttp2Session[] = []
  const done: Promise<void>[] = []
  const ready: Promise<unknown>[] = []
  for (let i = 0; i < watchers; i++) {
    if (i % WATCHES_PER_CONNECTION === 0) sessions.push(open())
    const stream = sessions
      .at(-1)!
      .request({ ':path': `${PODS}?watch=true&resourceVersion=${process.argv[3]}` })
    ready.push(
      new Promise<void>((resolve, reject) =>
        stream.once('response', (headers) =>
          headers[':status'] === 200
            ? resolve()
            : reject(new Error(`Cannot watch: ${headers[':status']}`)),
        ),
      ),
    )
    done.push(
      new Promise((resolve, reject) => {
        let seen = 0
        let last = ''
        let rest = ''
        stream.on('data', (chunk: Buffer) => {
          const now = Date.now()
          const lines = (rest + chunk.toString('latin1')).split('\n')
          rest = lines.pop() ?? ''
          for (const line of lines) {
            if (line.startsWith('{"type":"ERROR"')) last = line
            const at = line.indexOf('"bench/at":"')
            if (at < 0) continue
            delays.push(now - Number(line.slice(at + 12, at + 25)))
            if (++seen === events) resolve()
          }
        })
        stream.on('close', () => reject(new Error(`a watch ended after ${seen} events: ${last}`)))
      }),
    )
  }
  await Promise.all(ready)
  writeSync(1, 'ready\n')
  await Promise.all(done)
  delays.sort((a, b) => a - b)
  const at = (share: number) => delays[Math.floor(delays.length * share)]
  say({ p50: at(0.5), p99: at(0.99) })
  process.exit(0)
}
