// Everything that happened, however long it lasts: the latest as it came, what is older as text that the browser keeps
// outside the page's heap (and on disk, if it likes).
//
//   number   0 ....... PIECE ....... 2 PIECE ....... first ........ count
//            |-- blob --|--- blob ----|---- blob -----|--- latest ---|
//
// Numbers stay: what is dropped at last, after very much, leaves its number.

import type { Happening } from "./happening";

const PIECE = 100; // happenings of a blob
const MOST_PIECES = 2000;

export class Chronicle {
  latest: Happening[] = [];
  private pieces: Blob[] = [];
  private dropped = 0; // pieces

  add(happening: Happening): void {
    this.latest.push(happening);
    if (this.latest.length < 2 * PIECE) return;
    const older = this.latest.slice(0, PIECE);
    this.latest = this.latest.slice(PIECE);
    this.pieces.push(new Blob([older.map((one) => JSON.stringify(one)).join(",\n")]));
    if (this.pieces.length <= MOST_PIECES) return;
    this.pieces.shift();
    this.dropped += 1;
  }

  /** The number of the first of `latest`. */
  get first(): number {
    return (this.dropped + this.pieces.length) * PIECE;
  }

  /** How many there were. */
  get count(): number {
    return this.first + this.latest.length;
  }

  /** What is older than a number, piece by piece, the latest first, each with the number of its first. */
  async *before(number: number): AsyncGenerator<[number, Happening[]]> {
    for (let first = number - PIECE; first >= this.dropped * PIECE; first -= PIECE) {
      yield [first, await this.read(first)];
    }
  }

  /** One happening; undefined where it was dropped. */
  async at(number: number): Promise<Happening | undefined> {
    const inside = number % PIECE;
    return number < this.first ? (await this.read(number - inside))[inside] : this.latest[number - this.first];
  }

  /** All that is kept, as a list in JSON. */
  json(): Blob {
    const latest = this.latest.map((one) => JSON.stringify(one)).join(",\n");
    const parts = [...this.pieces, ...(latest ? [latest] : [])];
    return new Blob(["[", ...parts.flatMap((part, i) => (i ? [",\n", part] : [part])), "]"]);
  }

  private async read(first: number): Promise<Happening[]> {
    const piece = this.pieces[first / PIECE - this.dropped];
    return piece ? (JSON.parse(`[${await piece.text()}]`) as Happening[]) : [];
  }
}
