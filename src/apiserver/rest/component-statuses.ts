import type { KubernetesObject } from '#api/meta.ts'
import { unexplained } from '#api/status.ts'
import type { ComponentStatus } from '#api/storage.ts'
import { type Answer, json } from '../http/answer.ts'
import { includeObjectOf, tableText } from '../table/table.ts'
import { parseMatcher } from './matcher.ts'
import { partialText, presentObject } from './present.ts'
import type { RESTDeps, RESTRequest } from './request.ts'
import { readSelectable } from './selectable.ts'

/** By upstream's name of the component: rejects or throws, saying why, while it does not work. */
export type Components = Readonly<Record<string, () => void | Promise<void>>>

/** ComponentStatuses are asked for, never stored. Source: pkg/registry/core/componentstatus/rest.go. */
export async function listComponents(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const representation = request.representation('list')
  const matches = parseMatcher(request)
  const all = await Promise.all(Object.entries(deps.components).map(checkComponent))
  const { spec } = request
  const items = matches ? all.filter((item) => matches(readSelectable(item, spec))) : all
  const metadata = { resourceVersion: '' }
  if (representation === 'Table') {
    const include = includeObjectOf(request)
    return json(tableText(spec.resource, items, { include, ...metadata }))
  }
  const isPartial = representation === 'PartialObjectMetadata'
  const kind = isPartial ? 'PartialObjectMetadataList' : 'ComponentStatusList'
  const apiVersion = isPartial ? 'meta.k8s.io/v1' : 'v1'
  const textOf: (object: KubernetesObject) => string = isPartial ? partialText : JSON.stringify
  const head = JSON.stringify({ kind, apiVersion, metadata }).slice(0, -1)
  return json(`${head},"items":[${items.map((item) => textOf(item)).join(',')}]}`)
}

export async function getComponent(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const { name } = request
  const check = Object.hasOwn(deps.components, name) ? deps.components[name] : undefined
  if (!check) throw unexplained(`Component not found: ${name}`)
  return presentObject(request, await checkComponent([name, check]))
}

async function checkComponent([name, check]: readonly [
  string,
  Components[string],
]): Promise<ComponentStatus> {
  const type = 'Healthy'
  const object = { kind: 'ComponentStatus', apiVersion: 'v1', metadata: { name } }
  try {
    await check()
    return { ...object, conditions: [{ type, status: 'True', message: 'ok' }] }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { ...object, conditions: [{ type, status: 'False', error: why }] }
  }
}
