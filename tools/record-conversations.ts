/**
 * Records what a kube-apiserver answers to src/apiserver/testing/conversations: `record-conversations.ts URL TOKEN [NAME…]`.
 * The server must be new: an etcd of its own, `--authorization-mode AlwaysAllow`, `--disable-admission-plugins
 * ServiceAccount`, a token of the group system:masters. It is not asked who it is: run it on loopback.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { createInterface } from 'node:readline'
import { conversations } from '#apiserver/testing/conversations/conversations.ts'
import { play, type Transport } from '#apiserver/testing/conversations/play.ts'
import { send } from '#apiserver/testing/test-server.ts'

const [url, token, ...wanted] = process.argv.slice(2)
const session = connect(url!, { rejectUnauthorized: false })
const authorization = `Bearer ${token}`
const transport: Transport = {
  request: (method, path, { body, headers }) =>
    send(session, method, path, { body, headers: { ...headers, authorization } }),
  async *watch(path, headers) {
    const stream = session.request({ ':path': path, ...headers, authorization })
    try {
      for await (const line of createInterface({ input: stream })) yield JSON.parse(line)
    } finally {
      stream.close()
    }
  },
}
const folder = new URL('../src/apiserver/testing/conversations/testdata/', import.meta.url)
mkdirSync(folder, { recursive: true })
const chosen = Object.entries(conversations).filter(
  ([name]) => wanted.length === 0 || wanted.includes(name),
)
for (const [name, conversation] of chosen) {
  try {
    const played = await play(name, conversation, transport)
    const lines = played.map((answer) => JSON.stringify(answer))
    writeFileSync(new URL(`${name}.json`, folder), `[\n${lines.join(',\n')}\n]\n`)
  } catch (cause) {
    console.error(`Cannot record ${name}:`, cause)
  }
}
session.close()
