import { lexer, type Token, type Tokens } from "marked";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";

/** A model's Markdown as elements: never as HTML, so that whatever it wrote stays text. Links leave only by http(s). */
export function Prose({ text }: { text: string }) {
  const blocks = useMemo(() => lexer(text).map(block), [text]); // other turns are drawn anew with each token
  return <div class="prose">{blocks}</div>;
}

function block(token: Token, place: number): ComponentChildren {
  switch (token.type) {
    case "heading": {
      const depth = Math.min(6, (token as Tokens.Heading).depth + 2);
      const Level = `h${depth}` as "h3";
      return <Level key={place}>{inline(token.tokens)}</Level>;
    }
    case "paragraph":
      return <p key={place}>{inline(token.tokens)}</p>;
    case "text":
      return token.tokens ? inline(token.tokens) : token.text;
    case "code":
      return (
        <pre key={place} tabIndex={0}>
          <code>{token.text}</code>
        </pre>
      );
    case "blockquote":
      return <blockquote key={place}>{token.tokens?.map(block)}</blockquote>;
    case "list": {
      const list = token as Tokens.List;
      const items = list.items.map((item, index) => <li key={index}>{item.tokens.map(block)}</li>);
      return list.ordered ? (
        <ol key={place} start={list.start === "" ? 1 : list.start}>
          {items}
        </ol>
      ) : (
        <ul key={place}>{items}</ul>
      );
    }
    case "table":
      return <Table key={place} table={token as Tokens.Table} />;
    case "hr":
      return <hr key={place} />;
    case "space":
      return null;
    default:
      return <p key={place}>{token.raw}</p>;
  }
}

function Table({ table }: { table: Tokens.Table }) {
  return (
    <table>
      <thead>
        <tr>
          {table.header.map((cell, place) => (
            <th key={place}>{inline(cell.tokens)}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {table.rows.map((row, place) => (
          <tr key={place}>
            {row.map((cell, column) => (
              <td key={column}>{inline(cell.tokens)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function inline(tokens: Token[] | undefined): ComponentChildren {
  return tokens?.map((token, place) => {
    switch (token.type) {
      case "strong":
        return <strong key={place}>{inline(token.tokens)}</strong>;
      case "em":
        return <em key={place}>{inline(token.tokens)}</em>;
      case "del":
        return <del key={place}>{inline(token.tokens)}</del>;
      case "codespan":
        return <code key={place}>{token.text}</code>;
      case "br":
        return <br key={place} />;
      case "link": {
        const { href } = token as Tokens.Link;
        if (!/^https?:/i.test(href)) return inline(token.tokens);
        return (
          <a key={place} href={href} target="_blank" rel="noreferrer">
            {inline(token.tokens)}
          </a>
        );
      }
      case "escape":
      case "text":
        return "tokens" in token && token.tokens ? inline(token.tokens) : token.text;
      default:
        return token.raw;
    }
  });
}
