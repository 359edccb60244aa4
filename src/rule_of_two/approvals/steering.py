"""Texts that speak to the model instead of saying what a tool does, in several languages."""

from __future__ import annotations

import re
from typing import Final

STEERS: Final = re.compile(
    "|".join(
        (
            # English
            r"\b(?:ignore|disregard|forget|override)\b[^.]{0,30}\b(?:previous|prior|above|earlier|other|system)\b",
            r"\bbefore (?:using|calling|you (?:use|call))\b[^.]{0,20}\b(?:any|other|every|all)\b[^.]{0,20}\btools?\b",
            r"\bbefore any other tools?\b",
            r"\b(?:do not|don'?t|never|without)\b[^.]{0,9}\b(?:tell|mention|inform|reveal)(?:ing)?\b[^.]{0,20}\buser\b",
            r"\b(?:new|real|actual|hidden|secret|system) instructions?\b",
            r"<\s*/?\s*(?:important|system|instructions?|secret|admin|critical|assistant)\b[^>]{0,40}>",
            r"(?:^|[\n.!?] ?)(?:system|assistant|developer) ?:",
            r"\[(?:inst|system)\]|<\|[a-z_]{2,20}\|>",
            # German, French, Spanish, Portuguese, Italian, Dutch
            r"\b(?:ignorier|missacht|vergiss|übergeh)\w*\b[^.]{0,40}\b(?:vorherig|bisherig|obig|alle)",
            r"\b(?:sag|erzähl|verrat)\w* [^.]{0,20}\b(?:benutzer|nutzer|anwender)\w*[^.]{0,10}\bnicht",
            r"\b(?:ignore[rz]?|oublie[rz]?)\b[^.]{0,40}\b(?:précédent|antérieur|toutes)",
            r"\bne (?:dis|dites|mentionne[zr]?|révèle[zr]?) [^.]{0,30}utilisateur",
            r"\b(?:ignora|olvida|ignore|esqueça|dimentica)\w*\b[^.]{0,40}\b(?:anterior|previ|precedent|todas|tutte)",
            r"\bno (?:le )?(?:digas|menciones|informes)\b|\bnão (?:diga|conte|mencione)\b",
            r"\bnon (?:dire|menzionare|informare)\b|\bnegeer\b[^.]{0,40}\b(?:eerdere|vorige|alle)\b",
            # Russian, Chinese, Japanese, Korean
            r"\b(?:игнорируй|забудь)\w*|\bне (?:говори|сообщай|рассказывай)\w*",  # noqa: RUF001  # Russian
            r"忽略[^。]{0,12}(?:之前|以上|先前|所有)|不要(?:告诉|告知|提及)",
            r"(?:以前|これまで|上記)の?指示[^。]{0,8}無視|ユーザーに(?:言わ|伝え|知らせ)な",
            r"이전[^.]{0,10}지시[^.]{0,10}무시|사용자에게[^.]{0,12}(?:말하지|알리지)",
        )
    )
)
"""What hardly any honest definition says. Of text in lower case."""
ORDERS: Final = re.compile(
    "|".join(
        (
            r"\b(?:always|must|instead)\b[^.]{0,12}\b(?:call|invoke|put|send|forward|copy)\b",
            r"\balways (?:use|add|include|read|run)\b",
            r"\byou (?:must|should always|have to|are required to|shall)\b",
            r"\b(?:the )?(?:assistant|model|llm|ai) (?:must|should|shall|has to|needs to)\b",
            r"\bdu musst\b|\btu dois\b|\bvous devez\b|\bdebes\b|\bvocê deve\b|\bdevi\b|\bты должен\b|\bвы должны\b",
            r"你必须|您必须|必ず[^。]{0,20}(?:呼び出|使用|実行)|반드시",
        )
    )
)
"""What honest ones say too, but seldom. Of text in lower case."""
