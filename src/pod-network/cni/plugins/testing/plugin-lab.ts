import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Lab } from '#testing/netns.ts'
import { createPluginRunner } from '../../../testing/plugin-runner.ts'
import { prepareNode } from '../../../testing/prepare-node.ts'
import { createPluginHost } from '../plugin.ts'

/** Who does a call: our plugin in this process, or the reference's executable from Debian's containernetworking-plugins. */
export type By = 'ours' | 'reference'

export interface Step {
  readonly type: string
  readonly [option: string]: unknown
}

export interface CallOptions {
  readonly ifname?: string
  readonly netns?: string
  readonly args?: string
  readonly prevResult?: unknown
}

export interface Answer {
  readonly exitCode: number
  // biome-ignore lint/suspicious/noExplicitAny: a result or an error of whatever version
  readonly answer: any
}

/** A node that pods can be attached to, plugin by plugin, by ours or by the reference's. */
export function createPluginLab(lab: Lab, { name = 'node' } = {}) {
  const node = lab.netns(name)
  prepareNode(node)
  const host = createPluginHost(node)
  const runner = createPluginRunner(lab, node)
  const dataDir = join(lab.folder, `networks-${name}`)
  const network = `net-${name}`

  const call = async (by: By, verb: string, pod: string, step: Step, options: CallOptions = {}) => {
    const { ifname = 'eth0', netns = join(lab.folder, pod), args = '', prevResult } = options
    const told = prevResult === undefined ? {} : { prevResult }
    const config = { cniVersion: '1.0.0', name: network, ...step, ...told }
    const { type } = step
    const answer = await runner[by]({ type, verb, containerID: pod, netns, ifname, args, config })
    return { exitCode: answer.exitCode, answer: answer.json } satisfies Answer
  }

  return {
    node,
    host,
    network,
    dataDir,
    call,
    /** @returns the result; fails where there is an error */
    async add(by: By, pod: string, step: Step, options?: CallOptions) {
      const { exitCode, answer } = await call(by, 'ADD', pod, step, options)
      assert.equal(exitCode, 0, JSON.stringify(answer))
      return answer
    },
    /** Runs a verb that answers nothing. */
    async run(
      by: By,
      verb: 'DEL' | 'CHECK' | 'GC' | 'STATUS',
      pod: string,
      step: Step,
      options?: CallOptions,
    ) {
      const { exitCode, answer } = await call(by, verb, pod, step, options)
      assert.equal(exitCode, 0, `${verb} ${step.type}: ${JSON.stringify(answer)}`)
      assert.equal(answer, undefined)
    },
    /** @returns the error's message; fails where there is none */
    async refused(by: By, verb: string, pod: string, step: Step, options?: CallOptions) {
      const { exitCode, answer } = await call(by, verb, pod, step, options)
      assert.notEqual(exitCode, 0, JSON.stringify(answer))
      return answer.msg as string
    },
    /** IPAM of one subnet. */
    hostLocal: (subnet: string, more: object = {}) => ({
      type: 'host-local',
      ranges: [[{ subnet }]],
      dataDir,
      ...more,
    }),
    [Symbol.dispose]() {
      runner[Symbol.dispose]()
      host[Symbol.dispose]()
    },
  }
}

export type PluginLab = ReturnType<typeof createPluginLab>

/** What two plugins said, without what the kernel or chance chose: names of cables, MAC addresses, paths, and what is newer than 1.0.0. */
export function normalize(result: unknown): unknown {
  const text = JSON.stringify(result)
    .replaceAll(/veth[0-9a-f]{8,11}/g, 'veth*')
    .replaceAll(/"[0-9a-f]{2}(?::[0-9a-f]{2}){5}"/g, '"mac"')
    .replaceAll(/"sandbox":"[^"]*"/g, '"sandbox":"pod"')
  return JSON.parse(text)
}

export function ping(lab: Lab, from: Netns, address: string): boolean {
  return lab.exec(from, ['ping', '-c1', '-W1', address]).status === 0
}

/** Whether no answer comes for a while: what is dropped is not answered later either. */
export function isSilent(lab: Lab, from: Netns, address: string): boolean {
  return lab.exec(from, ['ping', '-c1', '-W0.3', address]).status !== 0
}
