import { readFileSync } from 'node:fs'

/** What all CPUs together did other than wait so far, in seconds: proc_stat(5), without what a hypervisor took. Ticks are 10 ms. */
export function busySeconds(): number {
  const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? ''
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return (user + nice + system + irq + softirq) / 100
}
