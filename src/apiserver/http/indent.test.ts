import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { array, assert as check, integer, jsonValue, property, string } from 'fast-check'
import { formatAnswer } from './format-answer.ts'
import { indentJSON } from './indent.ts'

const indent = (pieces: readonly string[]) => Array.from(indentJSON(pieces), String).join('')

suite('indentJSON()', () => {
  // Go's encoding/json indents as JSON.stringify() does, and leaves empty brackets closed.
  test('lays out as MarshalIndent() does, wherever its pieces break', () => {
    check(
      property(jsonValue(), array(integer({ min: 0, max: 200 })), (value, cuts) => {
        const text = JSON.stringify(value)
        const ends = [0, ...cuts.toSorted((a, b) => a - b), text.length]
        const pieces = ends.slice(1).map((end, i) => text.slice(ends[i], end))
        assert.equal(indent(pieces), JSON.stringify(value, null, 2))
      }),
    )
  })
  test('touches no text', () => {
    check(
      property(string(), (text) => assert.equal(JSON.parse(indent([JSON.stringify(text)])), text)),
    )
  })
  test('keeps numbers as they are written', () => {
    assert.equal(indent(['[9007199254740993,1.50]']), '[\n  9007199254740993,\n  1.50\n]')
  })
})

// apiserver endpoints/handlers/negotiation/negotiate_test.go; runtime/serializer/json ends what is not indented by a newline.
suite('formatAnswer() lays JSON out', () => {
  const LINE = '{"a":[]}\n'
  const INDENTED = '{\n  "a": []\n}'
  const cases = [
    { name: 'in a line', url: '/api/v1/pods', want: LINE },
    { name: 'for who asks', url: '/api/v1/pods?pretty=true', want: INDENTED },
    { name: 'for curl', url: '/api', agent: 'curl/7.88.1', want: INDENTED },
    { name: 'for browsers', url: '/apis/apps/v1', agent: 'Mozilla/5.0 (X11)', want: INDENTED },
    { name: 'not for who does not want it', url: '/api?pretty=0', agent: 'curl/8', want: LINE },
    {
      name: 'by the type that is accepted',
      url: '/api',
      accept: 'application/json;pretty=1',
      want: INDENTED,
    },
    { name: 'in documents not at all', url: '/openapi/v3', agent: 'curl/8', want: '{"a":[]}' },
  ]
  for (const { name, url, agent, accept, want } of cases) {
    test(name, async () => {
      const answer = { code: 200, contentType: 'application/json', body: '{"a":[]}' }
      const headers = { ...(agent ? { 'user-agent': agent } : {}), ...(accept ? { accept } : {}) }
      const shown = await formatAnswer(answer, { url, headers })
      assert.equal('body' in shown && shown.body, want)
    })
  }
})
