import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

export interface WireguardKeys {
  /** Base64, as wg(8) prints them. */
  readonly privateKey: string
  readonly publicKey: string
}

/** A private X25519 key in PKCS #8 is these bytes and then the key's 32 (RFC 8410 section 10.3). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** The keys of this node, from the file where flanneld keeps its own, or new ones that are kept there. @throws Error for another file */
export function readKeys(file: string): WireguardKeys {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const der = generateKeyPairSync('x25519').privateKey.export({ format: 'der', type: 'pkcs8' })
    text = der.subarray(PKCS8_HEAD.length).toString('base64')
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text, { mode: 0o400, flag: 'wx' })
  }
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== 32) throw new Error(`could not parse private key from file: ${file}`)
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_HEAD, bytes]),
    format: 'der',
    type: 'pkcs8',
  })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return { privateKey: text, publicKey: spki.subarray(-32).toString('base64') }
}
