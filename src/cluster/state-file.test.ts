import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { type Layout, layoutOf } from './layout.ts'
import { defaults } from './options.ts'
import { type ClusterState, readState, StateFileError, writeState } from './state-file.ts'

const state: ClusterState = {
  version: 1,
  phase: 'up',
  options: { ...defaults, dnsUpstream: ['192.0.2.1'] },
  apiPort: 6443,
  createdAt: '2026-11-21T00:00:00.000Z',
}

suite('The state of a cluster', () => {
  let folder: string
  let layout: Layout
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-state-'))
    layout = layoutOf('c1', folder)
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('is none where there is no file', () => assert.equal(readState(layout), undefined))

  test('is read as it was written, for its owner only', () => {
    writeState(layout, state)
    assert.deepEqual(readState(layout), state)
    assert.equal(statSync(layout.stateFile).mode & 0o777, 0o600)
    assert.equal(statSync(layout.home).mode & 0o777, 0o700)
    assert.equal(existsSync(`${layout.stateFile}.${process.pid}.new`), false)
  })

  const spoilt = (change: object) => JSON.stringify({ ...state, ...change })
  const options = (change: object) => spoilt({ options: { ...state.options, ...change } })
  const cases = [
    { name: 'cut off', text: '{"version":1,' },
    { name: 'empty', text: '' },
    { name: 'null', text: 'null' },
    { name: 'a list', text: '[]' },
    { name: 'of a later version', text: spoilt({ version: 2 }) },
    { name: 'in a phase that is none', text: spoilt({ phase: 'down' }) },
    { name: 'without a port', text: spoilt({ apiPort: undefined }) },
    { name: 'without options', text: spoilt({ options: null }) },
    { name: 'with no option', text: spoilt({ options: {} }) },
    { name: 'of another cluster', text: options({ name: 'c2' }) },
    { name: 'with a name that leads elsewhere', text: options({ name: '../x' }) },
    { name: 'with a range that is a number', text: options({ podCIDR: 10 }) },
    { name: 'with nameservers that are a number', text: options({ dnsUpstream: 1 }) },
  ]
  for (const { name, text } of cases) {
    test(`is refused, with a way out, when it is ${name}`, () => {
      mkdirSync(layout.home)
      writeFileSync(layout.stateFile, text)
      assert.throws(
        () => readState(layout),
        (error: unknown) =>
          error instanceof StateFileError &&
          /^Cannot read the state of cluster c1: .*fairlead down --name c1/.test(error.message),
      )
    })
  }
})
