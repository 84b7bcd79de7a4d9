import type { KindSpec } from '#api/kinds/kind-spec.ts'
import { memoize } from '../../memoize.ts'
import type { StoredItem, StoreEvent } from '../../storage/store.ts'
import { includeObjectOf } from '../../table/table.ts'
import { parseMatcher } from '../matcher.ts'
import type { RESTRequest } from '../request.ts'
import { bookmarkLine } from './bookmark.ts'
import { EventView, type Form, viewOf } from './event-view.ts'

/** How one watch shows what happens: as lines of JSON. */
export interface Framing {
  /** Of an object that was there before; empty where the watch does not see it. */
  present(item: StoredItem): string
  /** Of changes that came together; undefined where the watch sees none of them. */
  changes(events: readonly StoreEvent[]): Buffer | undefined
  /** That the watch has told of everything up to a revision. */
  bookmark(revision: number, annotations?: Readonly<Record<string, string>>): Buffer
}

/** What watches without selectors write, by form: the store tells all of them of the same array. */
const sharedFrames = memoize(
  (_events: readonly StoreEvent[], _spec: KindSpec) => new Map<Form, Buffer>(),
)

/** @throws StatusError 400, 406 */
export function createFraming(request: RESTRequest): Framing {
  const { spec } = request
  const matches = parseMatcher(request)
  const [first, later] = formsOf(request)
  let form = first
  const frameOf = (event: StoreEvent): Buffer | undefined => {
    const view = viewOf(event, spec)
    const type = view.typeFor(matches)
    if (!type) return undefined
    const frame = view.frame(type, form)
    form = later
    return frame
  }
  const join = (events: readonly StoreEvent[]): Buffer | undefined => {
    const frames = events.map(frameOf).filter((frame) => frame !== undefined)
    return frames.length > 1 ? Buffer.concat(frames) : frames[0]
  }
  return {
    present(item) {
      const view = new EventView({ type: 'put', item, previous: undefined }, spec)
      const type = view.typeFor(matches)
      if (!type) return ''
      const line = view.line(type, form)
      form = later
      return line
    },
    changes(events) {
      if (matches) return join(events)
      const shared = sharedFrames(events, spec)
      let bytes = shared.get(form)
      if (!bytes) {
        const asked = form
        bytes = join(events)
        if (bytes) shared.set(asked, bytes)
      }
      form = later
      return bytes
    },
    bookmark(revision, annotations) {
      const line = bookmarkLine(spec.resource, revision, form, annotations)
      form = later
      return Buffer.from(line)
    },
  }
}

/** That of a watch's first event, and of those behind it. The same objects for all watches that ask for the same. */
function formsOf(request: RESTRequest): readonly [Form, Form] {
  const representation = request.representation('watch')
  const include = includeObjectOf(request)
  const find = (hasColumns: boolean) => {
    const key = `${representation} ${include} ${hasColumns}`
    const form = forms.get(key) ?? { representation, include, hasColumns }
    forms.set(key, form)
    return form
  }
  const later = find(representation !== 'Table')
  return [find(true), later]
}

const forms = new Map<string, Form>()
