/**
 * What node can do at best: answers `/N` with N bytes that are there already, over the same TLS, HTTP/2 and HTTP/1.1. `bare-server.ts FILE`, where FILE
 * holds a key pair as JSON; says `listening on PORT`.
 */
import { readFileSync, writeSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'

const { certPEM, keyPEM, caPEM } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as {
  readonly certPEM: string
  readonly keyPEM: string
  readonly caPEM: string
}
/** So that what grows by a few bytes needs no new memory. */
const SLACK = 2 ** 20
let body = Buffer.alloc(0)
const server = createSecureServer({
  cert: certPEM,
  key: keyPEM,
  ca: caPEM,
  requestCert: true, // as ours
  allowHTTP1: true,
})
server.on('request', ({ url }, response) => {
  const length = Number(url.slice(1))
  if (body.length < length) body = Buffer.alloc(length + SLACK, 'x')
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': length })
  response.end(body.subarray(0, length))
})
server.listen(0, '127.0.0.1', () => {
  writeSync(1, `listening on ${(server.address() as AddressInfo).port}\n`)
})
