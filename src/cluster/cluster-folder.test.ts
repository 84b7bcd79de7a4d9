import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { isClusterFolder, removeClusterFolder } from './cluster-folder.ts'
import { type Layout, layoutOf } from './layout.ts'
import { defaults } from './options.ts'
import { writeState } from './state-file.ts'

suite('The folder of a cluster', () => {
  let folder: string
  let layout: Layout
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-folder-'))
    layout = layoutOf('c1', folder)
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const place = (path: string) => {
    mkdirSync(join(layout.home, dirname(path)), { recursive: true })
    writeFileSync(join(layout.home, path), 'text')
  }
  test('is not a file of a person that has its name', () => {
    writeFileSync(layout.home, 'text')
    assert.equal(isClusterFolder(layout), false)
  })

  const placeState = (name: string) =>
    writeState(layout, {
      version: 1,
      phase: 'up',
      options: { ...defaults, name },
      apiPort: 6443,
      createdAt: '',
    })

  const cases = [
    { name: 'what a killed up leaves', files: ['cluster.json.7.new'], removed: true },
    { name: 'what a killed down leaves', files: ['pki/ca.crt', 'state.sqlite-wal'], removed: true },
    { name: 'a state that is damaged', files: ['cluster.json', 'nodes/n/x'], removed: true },
    { name: "a cluster with a person's file", files: ['notes.txt'], state: 'c1', removed: true },
    { name: "a person's folder", files: ['notes/a'], removed: false },
    { name: "a person's folder with logs", files: ['notes/a', 'logs/b'], removed: false },
    { name: "another cluster's state", files: ['notes.txt'], state: 'c2', removed: false },
  ]
  for (const { name, files, state, removed } of cases) {
    test(`${name}: ${removed ? 'removed' : 'left alone'}`, () => {
      for (const file of files) place(file)
      if (state) placeState(state)
      assert.equal(isClusterFolder(layout), removed)
      if (removed) removeClusterFolder(layout)
      else assert.throws(() => removeClusterFolder(layout), /Cannot use .*, which is no part of/)
      assert.equal(existsSync(layout.home), !removed)
      if (!removed) for (const file of files) assert.ok(existsSync(join(layout.home, file)))
    })
  }

  test('an empty one is no cluster, and may be removed', () => {
    mkdirSync(layout.home)
    assert.equal(isClusterFolder(layout), false)
    removeClusterFolder(layout)
    assert.equal(existsSync(layout.home), false)
  })

  test('symbolic links are removed, not followed', () => {
    const precious = join(folder, 'precious')
    mkdirSync(precious)
    writeFileSync(join(precious, 'a'), 'text')
    place('pki/ca.crt')
    symlinkSync(precious, join(layout.home, 'nodes'))
    removeClusterFolder(layout)
    assert.deepEqual(readdirSync(precious), ['a'])
  })
})
