"""What a chat model is asked, in Chinese. A further type of question, or voice, is one entry here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TYPES = {
    "symptoms": "描述具体的症状、体征、舌脉和病程，询问这是什么情况",
    "definition": "用特征或描述代替名称，询问它的含义和要点",
    "cause": "询问病因、病机或诱发因素",
    "treatment": "询问治法、用药、调护和预后",
    "differential": "询问如何与相近的情况鉴别",
}
"""Name of a type of question → what the question is about."""

VOICES = {
    "patient": "没有医学知识的患者或家属，用日常口语，不用术语",
    "doctor": "临床中医师，用书写病历或会诊时简练的专业用语",
    "student": "中医专业的学生，用学习和备考时提问的语气",
}
"""Name of a voice → who asks."""

LONGEST = 4000
"""Characters of a text that are shown to a model: more would exceed the context of small ones."""

_QUERIES = """请根据下面的资料写出{count}个检索问题，这份资料应当是每个问题最好的答案。

问题类型：{type}
提问者：{voice}

要求：
1. 每个问题都能独立理解，不提“资料”“上文”“该证”等字眼，不照抄资料的原句。
2. {forbidden}
3. 只输出{count}行，每行一个JSON对象：{{"query": "问题"}}。不要输出其他内容。

资料：
{text}
"""

_JUDGE = """请判断下面的资料是否回答了检索问题，按0到10的整数评分：
10分：资料完整而明确地回答了问题；7分：资料切题，足以作为检索结果；4分：只有部分相关；0分：无关。
问题含糊、不通顺或与资料无关时应给低分。只输出一个JSON对象：{{"score": 分数}}。不要输出其他内容。

问题：{query}

资料：
{text}
"""

_PASSAGE = """请写一段话来回答下面的检索请求，就像一份权威资料中的相应段落。只输出这段话，不超过150字。

检索请求：
{text}
"""

_KEYWORDS = """请从下面的检索请求中提取最有助于检索的关键词，例如症状、体征、舌象、脉象、病程和诱因，最多20个。
按重要性排列，使用原文的词语，不要添加原文没有的内容。只输出一行，关键词之间用空格分隔，不要输出其他内容。

检索请求：
{text}
"""


def queries_prompt(text: str, *, type_: str, voice: str, count: int, forbidden: Sequence[str]) -> str:
    """Return the prompt for queries that a text answers.

    Args:
        text: The text.
        type_: Name in `TYPES`.
        voice: Name in `VOICES`.
        count: Number of queries.
        forbidden: Names that no query may contain.
    """
    rule = f"问题中不得出现这些名称：{'、'.join(forbidden)}。" if forbidden else "问题应当具体，只有这份资料能够回答。"
    return _QUERIES.format(text=text[:LONGEST], type=TYPES[type_], voice=VOICES[voice], count=count, forbidden=rule)


def judge_prompt(query: str, text: str) -> str:
    """Return the prompt for a score from 0 to 10 of how well a text answers a query."""
    return _JUDGE.format(query=query, text=text[:LONGEST])


def passage_prompt(query: str) -> str:
    """Return the prompt for a passage that answers a query, as Query2Doc asks for one (Wang et al., 2023)."""
    return _PASSAGE.format(text=query[:LONGEST])


def keywords_prompt(query: str) -> str:
    """Return the prompt for the keywords of a query."""
    return _KEYWORDS.format(text=query[:LONGEST])
