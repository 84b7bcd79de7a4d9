import { execPlugin, findPlugin } from '../exec-plugin.ts'
import type { CNICall } from '../protocol/cni-call.ts'
import { CNI_CODE, CNIError } from '../protocol/cni-error.ts'
import { type CNIResult, decodeResult, EMPTY_RESULT } from '../protocol/result.ts'
import type { Plugin } from './plugin.ts'
import { loadPlugin } from './registry.ts'

/** The IPAM plugin that a call names: ours in-process, others by exec as the specification says. Undefined on layer 2. */
export async function loadIPAM({ config, path }: CNICall): Promise<Plugin | undefined> {
  const type = config.object('ipam').text('type')
  if (!type) return undefined
  return loadDelegate(type, path)
}

/** A plugin that another one calls, with a call of its making. @throws CNIError where there is none */
export async function loadDelegate(type: string, path: CNICall['path']): Promise<Plugin> {
  return (await loadPlugin(type)) ?? foreignPlugin(await findPlugin(type, path))
}

/** It is given the same environment, but for the verb, and the whole configuration. */
function foreignPlugin(executable: string): Plugin {
  const run = async (call: CNICall, verb: CNICall['verb']): Promise<CNIResult> => {
    const env = { ...call.env, CNI_COMMAND: verb }
    const stdout = await execPlugin(executable, env, call.stdin)
    return verb === 'ADD' ? decodeAnswer(stdout, call) : EMPTY_RESULT
  }
  const runFor = (verb: CNICall['verb']) => async (call: CNICall) => void (await run(call, verb))
  return {
    add: (call) => run(call, 'ADD'),
    del: runFor('DEL'),
    check: runFor('CHECK'),
    gc: runFor('GC'),
    status: runFor('STATUS'),
  }
}

function decodeAnswer(stdout: string, { cniVersion }: CNICall): CNIResult {
  try {
    return decodeResult(JSON.parse(stdout), cniVersion)
  } catch (cause) {
    throw new CNIError(CNI_CODE.decode, 'Cannot read the answer of the IPAM plugin', { cause })
  }
}
