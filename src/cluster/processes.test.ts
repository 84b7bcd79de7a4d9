import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { startTimeOf } from '#kernel/process/process.ts'
import { type Layout, layoutOf } from './layout.ts'
import { isAlive, readProcesses, tailLog } from './processes.ts'

suite('The records of daemons', () => {
  let layout: Layout
  beforeEach(() => {
    layout = layoutOf('c1', mkdtempSync(join(tmpdir(), 'fairlead-processes-')))
    mkdirSync(layout.processDir, { recursive: true })
    mkdirSync(layout.logDir)
  })
  afterEach(() => rmSync(join(layout.home, '..'), { recursive: true, force: true }))

  test('are read by name, without those that are damaged', () => {
    const record = (name: string) => ({ name, pid: 1234, startTime: '77' })
    const files = {
      'node1.json': JSON.stringify(record('node1')),
      'control-plane.json': JSON.stringify(record('control-plane')),
      'node2.json': '{"name":"no',
      'node3.json': '',
      'node4.json': 'null',
      // A pid of 0 or -1 would mean a group, or everybody (kill(2)).
      'node5.json': JSON.stringify({ ...record('node5'), pid: -1 }),
      'node6.json.99.new': JSON.stringify(record('node6')),
    }
    for (const [file, text] of Object.entries(files))
      writeFileSync(join(layout.processDir, file), text)
    assert.deepEqual(readProcesses(layout), [record('control-plane'), record('node1')])
  })

  test('name a process by pid and start', async () => {
    const self = { name: 'self', pid: process.pid, startTime: startTimeOf(process.pid)! }
    assert.equal(isAlive(self), true)
    assert.equal(isAlive({ ...self, startTime: '1' }), false)
    const child = spawn('sleep', ['60'])
    const record = { name: 'child', pid: child.pid!, startTime: startTimeOf(child.pid!)! }
    assert.equal(isAlive(record), true)
    child.kill('SIGKILL')
    await once(child, 'exit')
    assert.equal(isAlive(record), false)
  })

  test('tell the last words', () => {
    writeFileSync(join(layout.logDir, 'node1.log'), 'one\ntwo\nthree\n')
    assert.equal(tailLog(layout, 'node1', 2), 'two\nthree')
    assert.equal(tailLog(layout, 'node2'), '')
  })
})
