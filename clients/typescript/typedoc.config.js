import { OptionDefaults } from "typedoc";

/** @type {Partial<import("typedoc").TypeDocOptions>} */
export default {
  entryPoints: ["src/index.ts", "src/proto.ts"],
  tsconfig: "tsconfig.build.json",
  out: "docs",
  name: "@tidemill/client",
  excludeInternal: true,
  excludePrivate: true,
  // What protoc-gen-es says of where a message comes from.
  blockTags: [...OptionDefaults.blockTags, "@generated"],
  excludeTags: [...OptionDefaults.excludeTags, "@generated"],
  // Lists behind the types that are shown.
  intentionallyNotExported: ["CODES"],
  disableGit: true,
  sourceLinkTemplate: "https://github.com/tidemill/tidemill/blob/main/clients/typescript/{path}#L{line}",
  treatWarningsAsErrors: true,
  logLevel: "Warn",
};
