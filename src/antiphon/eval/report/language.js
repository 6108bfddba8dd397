"use strict";
// The pages in English or in Chinese: English stands in them, and is the key of what is said instead.
const ZH = {
  "measured": "的评测结果", "model": "模型", "seed": "种子", "suite": "评测套件版本", "all items": "全部题目", "at most": "至多",
  "items of each": "题（每项）", "benchmarks": "评测项目", "figure": "指标", "value": "数值", "95 %": "95 % 区间", "n": "题数",
  "errors": "出错", "unparsed": "无法解析", "not judged": "未评判", "not evaluated": "未评测", "look at its warnings": "请看警告",
  "listen to its items:": "逐题试听：", "items were lost in the data": "道题因数据有误而丢失",
  "questions are not answered yet": "道题尚未回答", "assumed:": "假设：", "contradiction:": "矛盾之处：",
  "due (rows) and called (columns)": "应调用（行）与实际调用（列）", "this run": "本次",
  "constant answer": "回答千篇一律", "ignores the sound": "没有听声音", "no sound": "没有声音", "source language": "用了原文的语言",
  "no answer": "没有回答",
  "all benchmarks": "全部评测项目", "find": "查找", "show": "显示", "all": "全部", "with errors": "有错的", "failed": "出错的",
  "judged by you": "您评判过的", "save your verdicts": "保存您的评判", "items, worst first": "题目，最差的在前",
  "j and k, or the arrows: next and last item; space: play; 1 and 0: right and wrong, by you; u: undo.":
    "j、k 或方向键：下一题、上一题；空格：播放；1、0：由您判对、判错；u：撤销。",
  "No item.": "没有题目。", "of": "/", "due and said": "应说与所说", "right, by you": "对（您的评判）", "wrong, by you": "错（您的评判）",
  "right": "对", "error": "出错", "skipped": "未评判", "waveform and spectrogram": "波形与频谱",
  "heard (user)": "听到的（用户）", "heard (voice)": "听到的（要模仿的声音）", "said": "所说", "due": "应说", "group": "分组",
  "instruction": "指令", "asked": "问题", "written": "写出的文字", "verdict": "评判", "judge": "评判者的话", "decoding": "解码方式",
  "seconds": "用时（秒）",
  "sound of the answers": "回答的声音", "gate": "关卡", "state": "状态", "looked at": "检查数", "open": "通过", "shut": "未通过",
  "not measured": "未测量", "seams": "接缝", "truncation": "截断", "words": "音文不符", "voice": "音高失常", "silence": "静音",
  "loops": "循环", "clipping": "削波", "speed": "过慢",
};
const KEPT = "antiphon-language", languages = document.getElementById("language");
let language = navigator.language.startsWith("zh") ? "zh" : "en";
try { language = localStorage.getItem(KEPT) || language; } catch (error) { /* a page of a file may have no memory */ }

function word(text) { return language === "zh" && text in ZH ? ZH[text] : text; }

function spoken() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  languages.value = language;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", word(node.dataset.label));
  dispatchEvent(new Event("antiphon-language"));
}

languages.addEventListener("change", () => {
  language = languages.value;
  try { localStorage.setItem(KEPT, language); } catch (error) { /* chosen for this page alone */ }
  spoken();
});
spoken();
