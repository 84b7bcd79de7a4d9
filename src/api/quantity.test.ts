import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { formatQuantity, parseQuantity } from './quantity.ts'

function canonical(text: string): string {
  const parsed = parseQuantity(text)
  return 'error' in parsed ? parsed.error : formatQuantity(parsed)
}

// apimachinery pkg/api/resource/quantity_test.go: TestQuantityString (its alternates), TestQuantityParseEmit, and
// TestQuantityParse (its values, as they print).
const printed: Readonly<Record<string, string>> = {
  '1024Mi': '1Gi',
  '307200Ki': '300Mi',
  '6Ki': '6Ki',
  '1025024Mi': '1001Gi',
  '1024Gi': '1Ti',
  '5000m': '5',
  '0.5': '500m',
  '1000M': '1G',
  '0.001T': '1G',
  '1000u': '1m',
  '80m': '80m',
  '1.08': '1080m',
  '1080000000n': '1080m',
  '1234567M': '1234567M',
  '1234567m': '1234567m',
  '3k': '3k',
  '1025': '1025',
  '0': '0',
  '0Ki': '0',
  '0n': '0',
  '00': '0',
  '1e9': '1e9',
  '.001e12': '1e9',
  '0.001e0': '1e-3',
  '1000e-12': '1e-9',
  '80e-3': '80e-3',
  '1e14': '100e12',
  '1.2e3': '1200',
  '1.3E+6': '1300e3',
  '.001Ki': '1024m',
  '.000001Ki': '1024u',
  '.000000001Ki': '1024n',
  '.000000000001Ki': '2n',
  '0.5Mi': '512Ki',
  '0.05Gi': '53687091200m',
  '3.001n': '4n',
  '0.00000012345': '124n',
  '9Ei': '9223372036854775807',
  '12E': '12E',
  '.0001k': '100m',
  // quantity.go, ParseQuantity: what its fast path takes for canonical keeps its text.
  '1.234': '1.234',
  '100.035k': '100.035k',
  '1E-3': '1E-3',
}

suite('a quantity prints as upstream prints it', () => {
  for (const [text, want] of Object.entries(printed)) {
    test(`${text} as ${want}`, () => assert.equal(canonical(text), want))
    // The same tests say the same of the negated value.
    if (want !== '0') test(`-${text}`, () => assert.equal(canonical(`-${text}`), `-${want}`))
  }

  test('the same once more', () => {
    for (const want of Object.values(printed)) assert.equal(canonical(want), want)
  })
})

suite('a quantity is refused', () => {
  // TestQuantityParse, `invalid`; which of the two errors: quantity.go, parseQuantityString and suffix.go.
  const malformed = ['', ' 1', '1 ', '1.1.M', '1+1.0M', '0.1am', 'aoeu', '-3.01e-x']
  for (const text of malformed) {
    test(JSON.stringify(text), () => assert.match(canonical(text), /^quantities must match/))
  }
  for (const text of ['0.1mi', '.5i', '1i', '-3.01i', '-3.01e-', '1kk', '1e', '1e99999999999']) {
    test(text, () => assert.equal(canonical(text), "unable to parse quantity's suffix"))
  }
})
