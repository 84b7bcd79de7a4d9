import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { formatEntries, type LogStream, parseEntry, timeNow } from './cri-line.ts'
import { logFiles, RotatingLog } from './log-files.ts'
import { parseLogOptions } from './log-options.ts'
import { readLog } from './read-log.ts'

const folder = mkdtempSync(join(tmpdir(), 'fairlead-log-'))
after(() => rmSync(folder, { recursive: true }))
const TIME = '2026-11-29T10:00:00.123456789Z'
let logs = 0

type Piece = readonly [text: string, stream?: LogStream, time?: string]

function write(pieces: readonly Piece[], maxBytes?: number): string {
  const path = join(folder, `log-${logs++}`)
  using log = new RotatingLog(path, maxBytes)
  for (const [text, stream = 'stdout', time = TIME] of pieces)
    log.append(formatEntries(Buffer.from(text), stream, time))
  return path
}

async function read(path: string, query = ''): Promise<string> {
  const source = { path, isOpen: () => false, news: async () => {} }
  const now = Date.parse('2026-11-29T10:00:10Z')
  const options = parseLogOptions(new URLSearchParams(query), now)
  const chunks = await Array.fromAsync(readLog(source, options, new AbortController().signal))
  return Buffer.concat(chunks).toString()
}

suite('the lines of a log', () => {
  // kubernetes design-proposals-archive, node/kubelet-cri-logging.md: `TIME STREAM F|P TEXT`.
  test('are as CRI defines them', () => {
    const entries = formatEntries(Buffer.from('one\ntwo'), 'stderr', TIME)
    assert.equal(entries.toString(), `${TIME} stderr F one\n${TIME} stderr P two\n`)
    assert.deepEqual(parseEntry(Buffer.from(`${TIME} stdout F a b`)), {
      time: TIME,
      stream: 'stdout',
      isPartial: false,
      text: Buffer.from('a b'),
    })
    for (const line of ['', 'x', `${TIME} stdin F x`, `${TIME} stdout`])
      assert.equal(parseEntry(Buffer.from(line)), undefined, line)
  })

  test('carry the time in nine digits', () => {
    assert.match(timeNow(), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
    assert.ok(Math.abs(Date.parse(timeNow()) - Date.now()) < 1000)
  })
})

suite('readLog()', () => {
  const path = write([['a\nb\nc'], ['d\n'], ['e\n', 'stderr', '2026-11-29T10:00:09Z'], ['f']])
  const cases = [
    { query: '', want: 'a\nb\ncd\ne\nf' },
    { query: 'tailLines=0', want: '' },
    { query: 'tailLines=1', want: 'f' },
    { query: 'tailLines=2', want: 'e\nf' },
    { query: 'tailLines=3', want: 'cd\ne\nf' },
    { query: 'tailLines=99', want: 'a\nb\ncd\ne\nf' },
    { query: 'limitBytes=3', want: 'a\nb' },
    { query: 'sinceSeconds=5', want: 'e\n' },
    { query: 'sinceTime=2026-11-29T10:00:05Z', want: 'e\n' },
    { query: 'stream=Stderr', want: 'e\n' },
    { query: 'stream=Stdout', want: 'a\nb\ncd\nf' },
    {
      query: 'timestamps=true&tailLines=3',
      want: `${TIME} cd\n2026-11-29T10:00:09Z e\n${TIME} f`,
    },
  ]
  for (const { query, want } of cases)
    test(query || 'everything', async () => assert.equal(await read(path, query), want))

  test('goes through files that were put aside, of which five are kept', async () => {
    const line = (i: number) => `line ${String(i).padStart(4, '0')}\n`
    const rotated = write(
      Array.from({ length: 100 }, (_, i): Piece => [line(i)]),
      500,
    )
    assert.equal(logFiles(rotated).length, 5)
    const all = await read(rotated)
    assert.ok(all.endsWith(line(98) + line(99)))
    const first = Number(all.slice(5, 9))
    assert.equal(all, Array.from({ length: 100 - first }, (_, i) => line(first + i)).join(''))
    assert.equal(await read(rotated, 'tailLines=30'), all.split('\n').slice(-31).join('\n'))
  })

  test('follows across a rotation, and ends with the container', async () => {
    const path = write([['0\n']])
    using log = new RotatingLog(path, 200)
    let written = 0
    const source = {
      path,
      isOpen: () => written < 50,
      async news() {
        log.append(formatEntries(Buffer.from(`${++written}\n`), 'stdout', TIME))
      },
    }
    const options = parseLogOptions(new URLSearchParams('follow=true'), 0)
    const chunks = await Array.fromAsync(readLog(source, options, new AbortController().signal))
    assert.equal(
      Buffer.concat(chunks).toString(),
      Array.from({ length: 51 }, (_, i) => `${i}\n`).join(''),
    )
  })

  test('is empty where nothing is written yet', async () => {
    assert.equal(await read(join(folder, 'none')), '')
  })
})
