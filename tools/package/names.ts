// Whether everything that one meets behind the front door has a name that can be imported: every type that a public
// declaration mentions, and those that these mention in turn.
import { join } from 'node:path'
import ts from 'typescript'
import { CLONE } from './tarball.ts'

/** A line for every type of the package that the declarations behind src/index.ts mention and that it does not export. */
export function namelessTypes(): string[] {
  const { config } = ts.readConfigFile(join(CLONE, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, CLONE)
  const index = join(CLONE, 'src', 'index.ts')
  const program = ts.createProgram([index], { ...options, noEmit: true })
  const checker = program.getTypeChecker()
  const original = (symbol: ts.Symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const front = checker.getSymbolAtLocation(program.getSourceFile(index)!)!
  const exported = new Set(checker.getExportsOfModule(front).map(original))
  const ours = (declaration: ts.Declaration) =>
    declaration.getSourceFile().fileName.startsWith(join(CLONE, 'src')) && !ts.isTypeParameterDeclaration(declaration)

  const found = new Set<string>()
  const seen = new Set<ts.Declaration>()
  const visit = (declaration: ts.Declaration, by: string): void => {
    if (seen.has(declaration)) return
    seen.add(declaration)
    const walk = (node: ts.Node): void => {
      // What is inside a function is not met, nor is the value of a constant.
      if (ts.isBlock(node) || (ts.isVariableDeclaration(node) && node.initializer && !node.type)) return
      if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) {
        const symbol = checker.getSymbolAtLocation(ts.isTypeReferenceNode(node) ? node.typeName : node.expression)
        const type = symbol && original(symbol)
        const declared = type?.declarations?.filter(ours) ?? []
        if (type && declared.length > 0) {
          if (!exported.has(type)) found.add(`${type.name}, which ${by} mentions, is not exported by src/index.ts`)
          for (const next of declared) visit(next, type.name)
        }
      }
      ts.forEachChild(node, walk)
    }
    ts.forEachChild(declaration, walk)
  }
  for (const symbol of exported) for (const declaration of symbol.declarations ?? []) visit(declaration, symbol.name)
  return [...found]
}
