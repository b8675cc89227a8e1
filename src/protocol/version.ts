/**
 * Version of every payload on the wire. Additive changes keep it, breaking ones raise it.
 * History: 1 = first release.
 */
export const SCHEMA_VERSION = 1;
