/** An Ethernet address as `aa:bb:cc:dd:ee:ff`, lower case. */
export type MAC = string & { readonly __brand: 'MAC' }

export function parseMAC(text: string): MAC | undefined {
  return /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(text) ? (text.toLowerCase() as MAC) : undefined
}

/** As {@link parseMAC}, for constants and values that were checked before. @throws SyntaxError */
export function mac(text: string): MAC {
  const parsed = parseMAC(text)
  if (parsed === undefined)
    throw new SyntaxError(`Cannot parse MAC address: ${JSON.stringify(text)}`)
  return parsed
}

export function macToBytes(address: MAC): Uint8Array {
  return Uint8Array.fromHex(address.replaceAll(':', ''))
}

/** @throws RangeError unless `bytes` holds 6 bytes. */
export function macFromBytes(bytes: Uint8Array): MAC {
  if (bytes.length !== 6) throw new RangeError(`Cannot make a MAC address: ${bytes.length} bytes`)
  let text = HEX[bytes[0]!]!
  for (let i = 1; i < 6; i++) text += `:${HEX[bytes[i]!]}`
  return text as MAC
}

/** Of each byte: a node of a large cluster reads thousands of addresses a second. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
