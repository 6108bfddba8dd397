"""Check the curriculum of mini without a weight:  python -m recipes.mini.dry"""

from antiphon.train.dry import report
from recipes.mini.recipe import recipe

if __name__ == "__main__":
    print(report(recipe()))
