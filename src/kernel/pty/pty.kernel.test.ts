import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { suite, test } from 'node:test'
import { ReadStream } from 'node:tty'
import { openPty, openSlave, setWindowSize } from './pty.ts'

suite('openPty()', () => {
  test('gives a program a terminal of the size that was set, and passes bytes both ways', async () => {
    const pty = openPty()
    setWindowSize(pty.master, 101, 37)
    const slave = openSlave(pty)
    const script =
      'tty; stty size; trap "stty size; exit 3" WINCH; read -r line; echo "got $line"; while :; do sleep 0.02; done'
    const child = spawn('setsid', ['--ctty', 'sh', '-c', script], { stdio: [slave, slave, slave] })
    closeSync(slave)
    const terminal = new ReadStream(pty.master)
    let text = ''
    terminal.on('error', () => {}) // EIO: the last program has let go of it
    terminal.on('data', (data) => {
      text += data
      if (text.endsWith('101\r\n')) terminal.write('hello\n')
      if (text.endsWith('got hello\r\n')) setWindowSize(pty.master, 80, 24)
    })
    const [code] = await Promise.all([
      new Promise((resolve) => child.once('exit', resolve)),
      new Promise((resolve) => terminal.once('close', resolve)),
    ])
    assert.equal(code, 3)
    assert.equal(text, `${pty.slavePath}\r\n37 101\r\nhello\r\ngot hello\r\n24 80\r\n`)
  })
})
