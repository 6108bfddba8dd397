// What an answer says about how something sounds: the model's own words, found where it uses them.

export type Kind = "gender" | "age" | "emotion" | "pace" | "pitch" | "event";

export interface Noticed {
  kind: Kind;
  word: string; // of the answer
}

// Whatever stands in the first group is the word; a rule without its cue would find words that are about something else.
const RULES: readonly [Kind, RegExp][] = [
  ["gender", /\b(?:is|are|by|hear|speaker:?) (?:an? |the )?(?:\w+ ){0,2}?(man|woman|boy|girl|male|female)\b/gi],
  ["gender", /(男性|女性|男声|女声|男的|女的|男人|女人|男士|女士)/g],
  ["age", /\b(?:is|are|an?|sounds?) (?:an? )?(child|young|middle-aged|elderly|old|adult)\b/gi],
  ["age", /\b(in (?:his|her|their) (?:early |mid |late )?\w+ties)\b/gi],
  ["age", /(小孩|儿童|少年|青年|年轻|中年|老年|老人|\d{1,2}(?:[-到至~～]\d{1,2})?岁)/g],
  ["emotion", /\b(?:sounds?|feels?|mood is|emotion is|tone is|emotion:) (?:\w+ )?(happy|sad|angry|calm|neutral|excited|surprised|afraid|nervous|cheerful|tired|bored)\b/gi],
  ["emotion", /(?:听起来|情绪|心情|语气|感到)[^，。；]{0,6}?(高兴|开心|快乐|悲伤|难过|生气|愤怒|平静|平稳|中性|兴奋|激动|惊讶|害怕|紧张|疲惫)/g],
  ["pace", /\b(?:speaks?|talks?|speaker is|you are|pace is|speed is|speaking) (?:\w+ )?(fast|slow|slowly|quickly|moderate|normal)\b/gi],
  ["pace", /(?:语速|说话|速度)[^，。；]{0,4}?(快|慢|适中|中等|正常)/g],
  ["pitch", /\b(?:voice is|pitch is|voice:) (?:\w+ )?(high|low|deep|bright|dark)\b/gi],
  ["pitch", /(?:声音|音调|音高|音色)[^，。；]{0,4}?(高亢|低沉|高|低|明亮|尖)/g],
  ["event", /\bhear (?!what\b)((?:an? |the )?[\w ]{2,30}?)(?= in |[.,;]|$)/gi],
  ["event", /(?:听到|听见)了?([^，。；的]{1,8})(?=[，。；]|$)/g],
  ["event", /(笑声|哭声|咳嗽|掌声|音乐|鸟鸣|狗叫|雨声|风声|脚步声|敲门声|车流声|警笛)/g],
];

/** Each word once, in the order of the kinds. */
export function noticed(answer: string): Noticed[] {
  const found: Noticed[] = [];
  for (const [kind, rule] of RULES) {
    for (const match of answer.matchAll(rule)) {
      const word = (match[1] ?? "").trim();
      const isKnown = found.some((one) => one.kind === kind && (one.word.includes(word) || word.includes(one.word)));
      if (word && !isKnown && !(kind === "event" && /\b(wo)?man\b|男|女/.test(word))) found.push({ kind, word });
    }
  }
  return found;
}
