"""The words Freight aliases are made of, kept as text so that they are easy to read and extend."""

_ADJECTIVES = """
    able agile alert amber ample apt azure balmy beaming bold brave breezy bright brisk bubbly calm candid caring
    cheerful chipper civil clear clever cosy crisp curious dapper daring dashing deft diligent earnest easygoing
    elated elegant eager fair faithful festive fluent fond frank fresh friendly frosty gallant generous gentle
    genial gleaming glad golden graceful grand handy happy hardy hearty helpful honest hopeful humble indigo jolly
    jovial joyful keen kind lively loyal lucid lucky lunar mellow merry mighty mindful modest neat nifty nimble
    noble open orderly patient peaceful perky playful plucky poised polite prime proud prudent quick quiet radiant
    ready restful rosy rugged sage scarlet serene sharp shiny silver sincere sleek smart snug solar spirited spry
    stable steady sturdy sunny swift tender thrifty tidy tranquil trusty upbeat upright valiant velvet vivid warm
    willing winsome wise witty zesty
"""

_ANIMALS = """
    albatross alpaca anteater antelope armadillo axolotl badger barracuda bat beaver bee beetle bison bluebird boar
    bobcat buffalo bumblebee butterfly camel capybara caribou cat chameleon cheetah chickadee chinchilla chipmunk
    cicada clam cod condor coot cormorant coyote crab crane cricket crow cuckoo curlew deer dingo dolphin donkey
    dormouse dove dragonfly duck dunlin eagle eel egret eider elephant elk ermine falcon ferret finch firefly
    flamingo fox frog gannet gazelle gecko gerbil gibbon giraffe goat goldfinch goose gopher grouse guppy hamster
    hare hawk hedgehog heron herring hippo horse hummingbird ibex ibis iguana impala jackal jackdaw jaguar jay
    jellyfish kestrel kingfisher kiwi koala lapwing lark lemming lemur leopard lizard llama lobster lynx macaw
    magpie mallard manatee marmot marten meerkat mole mongoose moose moth narwhal newt nightingale ocelot octopus
    okapi opossum oriole osprey otter owl oyster panda panther parrot peacock pelican penguin pheasant pigeon
    plover pony porcupine porpoise puffin puma quail rabbit raccoon raven reindeer robin salmon sandpiper seahorse
    seal shrew skylark sloth snail sparrow squirrel starling stork swallow swan swift tapir terrapin thrush toad
    tortoise toucan trout turtle vole wallaby walrus weasel whale wombat woodpecker wren yak zebra
"""

ADJECTIVES = tuple(_ADJECTIVES.split())
ANIMALS = tuple(_ANIMALS.split())
