import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { decodeContinueToken } from './continue-token.ts'

// apiserver storage/continue.go; encoding/json scanner.go, quoteChar(): strconv.Quote of the byte as a rune
suite('decodeContinueToken()', () => {
  const cases = [
    { name: 'no UTF-8', bytes: [0xc7], quoted: "'Ç'" },
    { name: 'no UTF-8 that shows', bytes: [0x80], quoted: "'\\u0080'" },
    { name: 'the first byte of UTF-8', bytes: [0xe2, 0x82, 0xac], quoted: "'â'" },
    { name: 'a control character', bytes: [0x01], quoted: "'\\x01'" },
    { name: 'delete', bytes: [0x7f], quoted: "'\\x7f'" },
    { name: 'a quote', bytes: [0x27], quoted: "'\\''" },
  ]
  for (const { name, bytes, quoted } of cases)
    test(`says the byte that is ${name}`, () => {
      assert.throws(() => decodeContinueToken(Buffer.from(bytes).toString('base64url'), '/'), {
        message: `invalid continue token: continue key is not valid: invalid character ${quoted} looking for beginning of value`,
      })
    })
})
