import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { ClaimError, claimCluster, clearRunFolder, ownerOf } from './claim.ts'
import { type Layout, layoutOf } from './layout.ts'

suite('A claim', () => {
  let folder: string
  /** A run folder of the test's own: /run belongs to root. */
  const layoutIn = (homeRoot: string): Layout => {
    const run = join(folder, 'run/c1')
    const layout = layoutOf('c1', join(folder, homeRoot))
    return { ...layout, run, ownerFile: join(run, 'owner.json'), lockFile: join(run, 'lock') }
  }
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-claim-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const refused = (says: RegExp) => (error: unknown) =>
    error instanceof ClaimError && says.test(error.message)

  test('keeps others out while it lasts, and leaves nothing when nothing was made', () => {
    const layout = layoutIn('home')
    {
      using _claim = claimCluster(layout, 'start')
      assert.throws(
        () => claimCluster(layout, 'remove'),
        refused(/^Cannot remove cluster c1: another/),
      )
      assert.equal(ownerOf(layout)?.home, layout.home)
    }
    assert.equal(existsSync(layout.run), false)
    claimCluster(layout, 'start')[Symbol.dispose]()
  })

  test('keeps the name for its home once something was made', () => {
    const layout = layoutIn('home')
    {
      using _claim = claimCluster(layout, 'start')
      mkdirSync(join(layout.run, 'netns'))
    }
    assert.throws(
      () => claimCluster(layoutIn('elsewhere'), 'start'),
      refused(/^Cannot start cluster c1: the name is in use from .*\/home \(choose another --name/),
    )
    assert.equal(ownerOf(layout)?.home, layout.home)
    {
      using _claim = claimCluster(layout, 'remove')
      clearRunFolder(layout)
    }
    assert.equal(existsSync(layout.run), false)
  })

  test('takes over what an earlier boot left, and what a crash cut off', () => {
    const layout = layoutIn('home')
    const owners = [
      JSON.stringify({ name: 'c1', home: '/elsewhere/c1', bootID: 'an earlier one' }),
      '{"name":"c',
    ]
    for (const owner of owners) {
      mkdirSync(layout.run, { recursive: true })
      writeFileSync(layout.ownerFile, owner)
      using _claim = claimCluster(layout, 'start')
      assert.equal(JSON.parse(readFileSync(layout.ownerFile, 'utf8')).home, layout.home)
    }
  })
})
