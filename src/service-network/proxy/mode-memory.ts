import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { PROXY_MODES, type ProxyMode } from './mode.ts'

/** Remembers which modes may have left something in the kernel, so that a proxy need not look for all of them each time it starts. */
export interface ModeMemory {
  modes(): readonly ProxyMode[]
  add(mode: ProxyMode): void
  remove(mode: ProxyMode): void
}

/** In a file, a mode a line, the youngest last. What is no mode there is passed over. */
export function openModeMemory(path: string): ModeMemory {
  let modes = read(path)
  const write = (wanted: readonly ProxyMode[]) => {
    modes = wanted
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(`${path}.new`, modes.map((mode) => `${mode}\n`).join(''))
    renameSync(`${path}.new`, path)
  }
  return {
    modes: () => modes,
    add: (mode) => write([...modes.filter((each) => each !== mode), mode]),
    remove: (mode) => write(modes.filter((each) => each !== mode)),
  }
}

function read(path: string): readonly ProxyMode[] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n')
    return PROXY_MODES.filter((mode) => lines.includes(mode)).toSorted(
      (a, b) => lines.indexOf(a) - lines.indexOf(b),
    )
  } catch {
    return [] // a node that never had a proxy
  }
}
