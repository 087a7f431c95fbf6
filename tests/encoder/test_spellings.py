"""Shipped modules read what their languages spell in several ways alike."""

import numpy as np
import pytest

from xsearch import Encoder


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("uz", "Shifokorlar bolalarni grippga qarshi emladi", "Шифокорлар болаларни гриппга қарши эмлади"),
        ("uz", "Oʻzbekiston togʻlari", "O'zbekiston tog‘lari"),
        ("ar", "كتب الولد رسالة إلى أحمد", "كَتَبَ الوَلَدُ رِسَالَةً الى احمد"),
        ("am", "ሰላም ለሀገር", "ሠላም ለሐገር"),
        ("zh", "学生们正在准备期末考试。", "學生們正在準備期末考試。"),
    ],
)
def test_two_spellings_of_a_sentence_have_one_vector(language, one, other):
    vectors = Encoder(language).encode([one, other], space="shared")
    assert np.allclose(vectors[0], vectors[1], atol=1e-3)
