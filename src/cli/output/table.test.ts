import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { formatTable } from './table.ts'

// As kubectl prints: columns are as wide as their widest cell, nothing follows the last.
suite('formatTable()', () => {
  const cases = [
    { name: 'no rows', rows: [], want: 'NAME  PHASE\n' },
    { name: 'a wide cell', rows: [['cluster', 'up']], want: 'NAME     PHASE\ncluster  up\n' },
    { name: 'an empty cell', rows: [['', 'up']], want: 'NAME  PHASE\n      up\n' },
    {
      name: 'letters beyond the BMP, and colours',
      rows: [
        ['𝐚𝐛𝐜𝐝𝐞', 'up'],
        ['\x1b[32mgreen\x1b[39m', 'up'],
      ],
      want: 'NAME   PHASE\n𝐚𝐛𝐜𝐝𝐞  up\n\x1b[32mgreen\x1b[39m  up\n',
    },
  ]
  for (const { name, rows, want } of cases) {
    test(name, () => assert.equal(formatTable(['NAME', 'PHASE'], rows), want))
  }
})
