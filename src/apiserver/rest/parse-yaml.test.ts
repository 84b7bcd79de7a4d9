import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseYAMLStrict } from '#api/schema/parse-yaml-strict.ts'
import { parseYAML } from './parse-yaml.ts'

const longText = (last: string) =>
  `data:\n${Array.from({ length: 5_000 }, (_, i) => `  k${i}: "v"\n`).join('')}${last}`

suite('parseYAML() of long texts', () => {
  test('reads several, each as a short one', async () => {
    const texts = ['  a: yes\n', '  b: 0o17\n', '  k1: twice\n'].map(longText)
    assert.ok(texts[0]!.length > 32 * 1024)
    const parsed = await Promise.all(texts.map(parseYAML))
    assert.deepEqual(parsed, texts.map(parseYAMLStrict))
    assert.equal(parsed[2]!.strictErrors.length, 1)
  })

  test('says what is wrong in the same words', async () => {
    const text = longText('  a: [\n')
    const wrong = (() => {
      try {
        return parseYAMLStrict(text)
      } catch (cause) {
        return cause as Error
      }
    })() as Error
    await assert.rejects(parseYAML(text), { name: 'YAMLError', message: wrong.message })
  })

  test('holds up nobody', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await parseYAML(longText(''))
    clearInterval(timer)
    assert.ok(turns > 5, `${turns} turns`)
  })
})
