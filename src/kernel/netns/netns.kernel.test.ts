import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab } from '#testing/netns.ts'
import { KernelError } from '../kernel-error.ts'
import { createNetns, currentNetns, deleteNetns, inNetns, openNetns } from './netns.ts'

const hostInode = statSync('/proc/self/ns/net', { bigint: true }).ino

suiteOnEachBackend('network namespaces', () => {
  test('createNetns() binds a new one to the path and stays at home', () => {
    using lab = createLab()
    const path = join(lab.folder, 'a')
    using netns = createNetns(path)
    try {
      assert.notEqual(netns.inode, hostInode)
      assert.equal(statSync(path, { bigint: true }).ino, netns.inode)
      using here = currentNetns()
      assert.equal(here.inode, hostInode)
    } finally {
      deleteNetns(path)
    }
  })

  test('createNetns() refuses a path that is taken', () => {
    using lab = createLab()
    const { path } = lab.netns('a')
    assert.throws(() => createNetns(path), { name: 'KernelError', errno: 'EEXIST' })
  })

  test('createNetns() takes over a file without a namespace', () => {
    using lab = createLab()
    const path = join(lab.folder, 'stale')
    writeFileSync(path, '')
    assert.throws(() => openNetns(path), { name: 'KernelError', errno: 'EINVAL' })
    using netns = createNetns(path)
    try {
      assert.notEqual(netns.inode, hostInode)
    } finally {
      deleteNetns(path)
    }
  })

  test('createNetns() says what is wrong with a folder that is missing', () => {
    using lab = createLab()
    const path = join(lab.folder, 'no/such')
    assert.throws(() => createNetns(path), {
      message: `Cannot create network namespace ${path}: ENOENT`,
    })
  })

  test('deleteNetns() is idempotent', () => {
    using lab = createLab()
    const path = join(lab.folder, 'a')
    createNetns(path)[Symbol.dispose]()
    assert.equal(deleteNetns(path), true)
    assert.equal(deleteNetns(path), false)
    assert.equal(existsSync(path), false)
  })

  test('deleteNetns() takes a stale file and a path that is bound twice', () => {
    using lab = createLab()
    const stale = join(lab.folder, 'stale')
    writeFileSync(stale, '')
    assert.equal(deleteNetns(stale), true)
    const twice = join(lab.folder, 'twice')
    createNetns(twice)[Symbol.dispose]()
    assert.equal(spawnSync('mount', ['--bind', '/proc/self/ns/net', twice]).status, 0)
    assert.equal(deleteNetns(twice), true)
    assert.equal(existsSync(twice), false)
  })

  test('openNetns() of a path that is missing', () => {
    assert.throws(() => openNetns('/no/such'), KernelError)
  })

  test('a namespace that was deleted lives on while it is held open', () => {
    using lab = createLab()
    const path = join(lab.folder, 'a')
    using netns = createNetns(path)
    deleteNetns(path)
    const { stdout } = lab.exec(netns, ['ip', '-o', 'link'])
    assert.match(stdout, /^1: lo:/)
  })
})

suite('inNetns()', () => {
  test('runs inside, nests and comes back, also after an error', () => {
    using lab = createLab()
    const [a, b] = [lab.netns('a'), lab.netns('b')]
    const inode = () => statSync('/proc/thread-self/ns/net', { bigint: true }).ino
    const seen = inNetns(a, () => [inode(), inNetns(b, inode), inode()])
    assert.deepEqual(seen, [a.inode, b.inode, a.inode])
    assert.throws(() => inNetns(a, () => assert.fail('inside')), /inside/)
    assert.equal(inode(), hostInode)
  })
  test('refuses what would go on after it returned', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    assert.throws(() => inNetns(netns, async () => {}), TypeError)
  })
  test('a process spawned inside is born there', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    const { stdout } = inNetns(netns, () =>
      spawnSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' }),
    )
    assert.equal(stdout.trim(), `net:[${netns.inode}]`)
  })
})
