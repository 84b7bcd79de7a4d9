import { closeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { openListener } from '#kernel/socket/listener.ts'
import { openEventDescriptor } from '#kernel/tun/event-descriptor.ts'
import { openTun } from '#kernel/tun/open-tun.ts'
import type { CarrierHost, RelayPlan } from '../backend.ts'
import type { RelayMessage } from './relay-worker.ts'

/** The relay of one node: a thread with a TUN device and a socket, made anew when either is gone or has to be another. */
export interface Relay extends AsyncDisposable {
  commit(plan: RelayPlan): Promise<void>
  /** Whether the relay that was committed is still there. */
  isRunning(): boolean
}

export function createRelay({ netns, log }: CarrierHost): Relay {
  let running: ReturnType<typeof startRelay> | undefined
  const stop = async () => {
    const stopping = running
    running = undefined
    await stopping?.stop()
  }
  return {
    async commit(plan) {
      const place = `${plan.device} ${plan.local} ${plan.port}`
      using rtnetlink = openRtnetlink(netns)
      // A relay whose device was deleted notices it late.
      const isWhole = rtnetlink.link(plan.device)?.kind === 'tun' && !running?.hasEnded()
      if (running && (running.place !== place || !isWhole)) await stop()
      if (!running) {
        // What has the name and is none of a living relay's.
        rtnetlink.deleteLink(plan.device)
        running = startRelay(plan, place, { netns, log })
        log.info('Relay started', { device: plan.device, port: plan.port })
      }
      running.route(plan)
    },
    isRunning: () => running?.hasEnded() !== true,
    [Symbol.asyncDispose]: stop,
  }
}

function startRelay(
  { device, local, port }: RelayPlan,
  place: string,
  { netns, log }: { readonly netns: CarrierHost['netns']; readonly log: CarrierHost['log'] },
) {
  const opened: number[] = []
  const closeAll = () => {
    for (const fd of opened.splice(0)) closeSync(fd)
  }
  try {
    const tun = openTun(device, netns)
    opened.push(tun)
    const udp = openListener({ protocol: 'udp', address: local, port, ...(netns && { netns }) })
    opened.push(udp)
    const wake = openEventDescriptor()
    opened.push(wake.fd)
    const worker = new Worker(new URL('./relay-worker.ts', import.meta.url), {
      workerData: { tun, udp, wake: wake.fd },
    })
    // Agents end although a relay runs.
    worker.unref()
    const ended = Promise.withResolvers<void>()
    let hasEnded = false
    const end = () => {
      hasEnded = true
      // The device goes with its descriptor, which the kernel tells: the next pass makes another one.
      closeAll()
      ended.resolve()
    }
    worker.on('exit', end)
    worker.on('error', (error) => {
      log.error('Relay ended', { error })
      end()
    })
    let sent = ''
    const send = (message: RelayMessage) => {
      worker.postMessage(message)
      wake.wake()
    }
    return {
      place,
      hasEnded: () => hasEnded,
      route({ routes, from }: RelayPlan) {
        const text = JSON.stringify([routes, from])
        if (text !== sent && !hasEnded) send({ kind: 'routes', routes, port, from })
        sent = text
      },
      async stop() {
        if (hasEnded) return
        worker.ref()
        send({ kind: 'stop' })
        await ended.promise
      },
    }
  } catch (error) {
    closeAll()
    throw error
  }
}
