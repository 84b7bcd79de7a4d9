/**
 * What nft shows of a table, which is in words what the kernel holds, line by line: elements of hash sets are in no order.
 *
 * @param spare `chains`: without those that depend on which Services there are
 */
export function normalizedListing(
  listing: string,
  { spare }: { readonly spare?: 'chains' } = {},
): readonly string[] {
  const text = listing.replaceAll(/elements = \{([^}]*)\}/g, (_, elements: string) =>
    elements
      .split(',')
      .map((element) => element.trim().replaceAll(/\s+/g, ' '))
      .sort()
      .join('\n'),
  )
  const kept =
    spare === 'chains'
      ? text
          .replaceAll(/\tchain (?:spread|stick|remember)-(?:local-)?\d[\s\S]*?\n\t\}\n/g, '')
          .replaceAll(/\n\n+/g, '\n')
      : text
  return kept.split('\n').map((line) => line.trim())
}
