import { analyseScalar, chooseStyle, doubleQuotedBody, isBreak } from "./yaml-scalar.ts";
import type { YamlEntry, YamlMapping, YamlNode, YamlScalar, YamlSequence, YamlStream } from "./yaml-tree.ts";

/** Columns per level. */
const INDENT = 2;
/** Longer keys are written as `? key`. */
const MAX_SIMPLE_KEY_LENGTH = 1024;

/** The stream as FlowTime writes it back (artifacts.md, Appendix A): LF, no folding, `...` after every document. */
export function reemitYaml(stream: YamlStream): string {
  const emitter = new Emitter();
  for (const document of stream.documents) emitter.document(document);
  return emitter.text();
}

interface Place {
  readonly isSimpleKey: boolean;
  /** Inside a mapping, where a block sequence is not indented further. */
  readonly isInMapping: boolean;
}

const ROOT: Place = { isSimpleKey: false, isInMapping: false };
const ITEM: Place = { isSimpleKey: false, isInMapping: false };
const VALUE: Place = { isSimpleKey: false, isInMapping: true };
const SIMPLE_KEY: Place = { isSimpleKey: true, isInMapping: true };

/**
 * Writes with the layout state of the libyaml family, because the rules of that family are stated in it: a column, whether
 * the last thing written was white space, and whether so far the line holds only indentation and indicators.
 */
class Emitter {
  #output: string[] = [];
  #column = 0;
  #isAfterSpace = true;
  #isAtIndentation = true;
  /** -1 outside of any collection. */
  #indent = -1;
  #flowDepth = 0;
  #isFirstDocument = true;
  #anchors = new Set<string>();

  document(root: YamlNode): void {
    this.#anchors = new Set();
    if (!this.#isFirstDocument) {
      this.#breakToIndent();
      this.#indicator("---", { needsSpace: true });
    }
    this.#isFirstDocument = false;
    this.#node(root, ROOT);
    this.#breakToIndent();
    this.#indicator("...", { needsSpace: true });
    this.#breakToIndent();
  }

  text(): string {
    return this.#output.join("");
  }

  #node(node: YamlNode, place: Place): void {
    if (node.anchor !== null) {
      // By name, not by node: FlowTime's library writes even a second, different node of that name as an alias.
      const isRepeated = this.#anchors.has(node.anchor);
      this.#anchors.add(node.anchor);
      this.#indicator(`${isRepeated ? "*" : "&"}${node.anchor}`, { needsSpace: true });
      if (isRepeated) return;
    }
    if (node.tag !== null) this.#indicator(tagText(node.tag), { needsSpace: true });
    if (node.type === "scalar") this.#nested(true, () => this.#scalar(node, place));
    else if (node.type === "sequence") this.#sequence(node, place);
    else this.#mapping(node);
  }

  #sequence(node: YamlSequence, place: Place): void {
    if (this.#flowDepth > 0 || node.isFlow || node.items.length === 0) {
      this.#flow("[", node.items, "]", (item) => this.#node(item, ITEM));
      return;
    }
    const emitItems = () => {
      for (const item of node.items) {
        this.#breakToIndent();
        this.#indicator("-", { needsSpace: true, keepsIndentation: true });
        this.#node(item, ITEM);
      }
    };
    if (place.isInMapping && !this.#isAtIndentation) emitItems();
    else this.#nested(false, emitItems);
  }

  #mapping(node: YamlMapping): void {
    if (this.#flowDepth > 0 || node.isFlow || node.entries.length === 0) {
      this.#flow("{", node.entries, "}", (entry) => this.#flowEntry(entry));
      return;
    }
    this.#nested(false, () => {
      for (const entry of node.entries) {
        this.#breakToIndent();
        this.#blockEntry(entry);
      }
    });
  }

  #blockEntry({ key, value }: YamlEntry): void {
    if (isSimpleKey(key)) {
      this.#node(key, SIMPLE_KEY);
      this.#indicator(":");
    } else {
      this.#indicator("?", { needsSpace: true, keepsIndentation: true });
      this.#node(key, VALUE);
      this.#breakToIndent();
      this.#indicator(":", { needsSpace: true, keepsIndentation: true });
    }
    this.#node(value, VALUE);
  }

  #flow<Item>(open: string, items: readonly Item[], close: string, emit: (item: Item) => void): void {
    this.#indicator(open, { needsSpace: true, isSpace: true });
    this.#flowDepth += 1;
    this.#nested(true, () => {
      items.forEach((item, index) => {
        if (index > 0) this.#indicator(",");
        emit(item);
      });
    });
    this.#flowDepth -= 1;
    this.#indicator(close);
  }

  #flowEntry({ key, value }: YamlEntry): void {
    if (isSimpleKey(key)) {
      this.#node(key, SIMPLE_KEY);
      this.#indicator(":");
    } else {
      this.#indicator("?", { needsSpace: true });
      this.#node(key, VALUE);
      this.#indicator(":", { needsSpace: true });
    }
    this.#node(value, VALUE);
  }

  #scalar(scalar: YamlScalar, place: Place): void {
    const traits = analyseScalar(scalar.text);
    const style = chooseStyle(scalar, traits, { isInFlow: this.#flowDepth > 0, isSimpleKey: place.isSimpleKey });
    switch (style) {
      case "plain":
        if (!this.#isAfterSpace) this.#write(" ");
        this.#write(scalar.text);
        break;
      case "single":
        this.#singleQuoted(scalar.text);
        break;
      case "double":
        this.#indicator(`"${doubleQuotedBody(scalar.text)}"`, { needsSpace: true });
        break;
      case "literal":
        this.#literal(scalar.text);
        return;
      case "folded":
        this.#folded(scalar.text);
        return;
    }
    this.#isAfterSpace = false;
    this.#isAtIndentation = false;
  }

  #singleQuoted(text: string): void {
    this.#indicator("'", { needsSpace: true });
    let isAfterBreak = false;
    for (const character of text) {
      if (isBreak(character)) {
        if (!isAfterBreak && character === "\n") this.#break("\n");
        this.#break(character);
        this.#isAtIndentation = true;
        isAfterBreak = true;
      } else {
        if (isAfterBreak) this.#breakToIndent();
        this.#write(character === "'" ? "''" : character);
        this.#isAtIndentation = false;
        isAfterBreak = false;
      }
    }
    this.#indicator("'");
  }

  #literal(text: string): void {
    this.#blockHeader("|", text);
    let isAfterBreak = true;
    for (const character of text) {
      if (isBreak(character)) {
        this.#break(character);
        this.#isAtIndentation = true;
        isAfterBreak = true;
      } else {
        if (isAfterBreak) this.#breakToIndent();
        this.#write(character);
        this.#isAtIndentation = false;
        isAfterBreak = false;
      }
    }
  }

  /** A single break between two unindented lines is written as an empty line, because reading folds it into a space. */
  #folded(text: string): void {
    this.#blockHeader(">", text);
    let isAfterBreak = true;
    let isIndentedLine = true;
    for (let index = 0; index < text.length; index += 1) {
      const unit = text[index] ?? "";
      if (isBreak(unit)) {
        if (!isAfterBreak && !isIndentedLine && unit === "\n") {
          let next = index;
          while (isBreak(text[next])) next += 1;
          if (next < text.length && text[next] !== " " && text[next] !== "\t") this.#break("\n");
        }
        this.#break(unit);
        this.#isAtIndentation = true;
        isAfterBreak = true;
      } else {
        if (isAfterBreak) {
          this.#breakToIndent();
          isIndentedLine = unit === " " || unit === "\t";
        }
        this.#write(unit);
        this.#isAtIndentation = false;
        isAfterBreak = false;
      }
    }
  }

  #blockHeader(indicator: string, text: string): void {
    const indentation = text[0] === " " || isBreak(text[0]) ? String(INDENT) : "";
    const chomping = isBreak(text.at(-1)) ? (isBreak(text.at(-2)) ? "+" : "") : "-";
    this.#indicator(indicator + indentation + chomping, { needsSpace: true });
    this.#break("\n");
    this.#isAtIndentation = true;
    this.#isAfterSpace = true;
  }

  #nested(isFlowLike: boolean, emit: () => void): void {
    const outer = this.#indent;
    this.#indent = outer < 0 ? (isFlowLike ? INDENT : 0) : outer + INDENT;
    emit();
    this.#indent = outer;
  }

  #indicator(text: string, options: { needsSpace?: true; isSpace?: true; keepsIndentation?: true } = {}): void {
    if (options.needsSpace === true && !this.#isAfterSpace) this.#write(" ");
    this.#write(text);
    this.#isAfterSpace = options.isSpace === true;
    this.#isAtIndentation = this.#isAtIndentation && options.keepsIndentation === true;
  }

  /** Goes to the current indentation, on a new line unless the line holds nothing beyond it. */
  #breakToIndent(): void {
    const indent = Math.max(this.#indent, 0);
    const isPast = this.#column > indent || (this.#column === indent && !this.#isAfterSpace);
    if (!this.#isAtIndentation || isPast) this.#break("\n");
    this.#write(" ".repeat(Math.max(0, indent - this.#column)));
    this.#isAfterSpace = true;
    this.#isAtIndentation = true;
  }

  #break(character: string): void {
    this.#output.push(character);
    this.#column = 0;
  }

  #write(text: string): void {
    if (text === "") return;
    this.#output.push(text);
    this.#column += text.length;
  }
}

function isSimpleKey(key: YamlNode): boolean {
  const length = (key.anchor?.length ?? 0) + (key.tag?.length ?? 0);
  if (key.type === "sequence") return key.items.length === 0;
  if (key.type === "mapping") return key.entries.length === 0;
  return !analyseScalar(key.text).isMultiline && length + key.text.length <= MAX_SIMPLE_KEY_LENGTH;
}

const CORE_TAG = "tag:yaml.org,2002:";

function tagText(tag: string): string {
  if (tag.startsWith(CORE_TAG)) return `!!${tag.slice(CORE_TAG.length)}`;
  return tag.startsWith("!") ? tag : `!<${tag}>`;
}
