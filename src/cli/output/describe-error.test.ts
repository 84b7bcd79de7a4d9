import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { describeError } from './describe-error.ts'

suite('describeError()', () => {
  const cases = [
    {
      name: 'one sentence',
      error: new Error('Cannot fly: no wings'),
      want: 'Cannot fly: no wings',
    },
    {
      name: 'causes below',
      error: new Error('Cannot fly', { cause: new Error('no wings', { cause: new Error('cut') }) }),
      want: 'Cannot fly\n  no wings\n  cut',
    },
    {
      name: 'a cause that is told already',
      error: new Error('Cannot fly: no wings', { cause: new Error('no wings') }),
      want: 'Cannot fly: no wings',
    },
    { name: 'an error without words', error: new RangeError(''), want: 'RangeError' },
    { name: 'a thrown text', error: 'text', want: 'text' },
  ]
  for (const { name, error, want } of cases) {
    test(name, () => assert.equal(describeError(error), want))
  }
})
