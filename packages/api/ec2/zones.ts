/** The names of a region's zones. */
export function zonesOf(region: string): readonly string[] {
  return ["a", "b", "c"].map((letter) => `${region}${letter}`);
}

/** The id of a zone: `eus1-az2` is the second of `eu-south-1`. */
export function zoneIdOf(region: string, name: string): string {
  const [area = "", direction = "", number = ""] = region.split("-");
  return `${area}${direction.slice(0, 1)}${number}-az${zonesOf(region).indexOf(name) + 1}`;
}
