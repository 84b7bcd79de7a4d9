import { type Answer, bareAnswer, type Query } from './answer.ts'

export type Next = (query: Query) => Promise<Answer>
export type Handler = (query: Query, next: Next) => Promise<Answer>

/** Composes handlers, outermost first. A query nobody answers is refused. */
export function chain(handlers: readonly Handler[]): Next {
  const refuse: Next = async () => bareAnswer('REFUSED')
  return handlers.reduceRight<Next>((next, handle) => (query) => handle(query, next), refuse)
}
