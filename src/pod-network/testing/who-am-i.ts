import type { Netns } from '#kernel/netns/netns.ts'
import type { Lab } from '#testing/netns.ts'
import { timeFactor } from '#testing/wait-for.ts'

export function ping(lab: Lab, from: Netns, to: string) {
  return lab.exec(from, ['ping', '-c1', `-W${0.3 * timeFactor}`, to])
}

/** A server that answers each TCP connection with the address it came from. */
export async function serveWhoAmI(lab: Lab, netns: Netns): Promise<void> {
  const script = `require('net').createServer((s)=>s.on('error',()=>{}).end(s.remoteAddress+'\\n')).listen(8080,'0.0.0.0',()=>console.log('up'))`
  await lab.spawn(netns, [process.execPath, '-e', script]).outputs('up')
}

export function whoAmI(lab: Lab, netns: Netns, address: string): string {
  const script = `exec 3<>/dev/tcp/${address}/8080 && cat <&3`
  return lab.exec(netns, ['timeout', `${3 * timeFactor}`, 'bash', '-c', script]).stdout.trim()
}
