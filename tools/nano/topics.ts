// The facts of the nano world: what its people can be interested in and how their taste shows in their wording.
// Read by world.ts. Things are plural or mass nouns, so that every sentence template takes every thing.

export interface Topic {
  /** What a profile calls the interest. */
  name: string
  /** What records of the interest are about. */
  things: readonly string[]
  /** Where records of the interest take place. */
  settings: readonly string[]
}

/** name: things: settings */
const TABLE = `
baking: sourdough, rye bread, croissants, cinnamon rolls, oat biscuits, proofing baskets, yeast, almond tarts, bread knives, pie crusts: in the kitchen, at the bakery, by the oven
gardening: tomato seeds, compost, rose bushes, raised beds, pruning shears, tulip bulbs, garden hoses, herb pots, mulch, greenhouses: in the garden, at the nursery, on the balcony
astronomy: telescopes, meteor showers, star charts, nebulas, lunar craters, eyepieces, eclipses, comets, planets, star clusters: under the dark sky, at the observatory, on the roof
chess: openings, endgames, chess clocks, knight forks, gambits, chess puzzles, rook endings, tournaments, blunders, pawn chains: at the chess club, over the board, in the park
cycling: road bikes, derailleurs, bike lights, hill climbs, saddles, chains, inner tubes, gravel rides, cycling gloves, pedals: on the bike path, at the bike shop, on the pass
fishing: trout flies, fishing rods, lures, carp bait, reels, waders, tackle boxes, pike, hooks, landing nets: at the lake, on the river, by the pier
photography: lenses, tripods, portraits, film rolls, light meters, long exposures, camera bags, street photos, darkrooms, filters: in the studio, in the old town, at the photo fair
jazz: saxophones, trumpet solos, swing records, bebop, piano trios, double basses, jam sessions, blues scales, big bands, drum brushes: at the jazz cellar, on the radio, at the concert hall
opera: arias, sopranos, overtures, librettos, tenors, opera boxes, choruses, stage sets, baritones, curtain calls: at the opera house, in the foyer, on the big stage
painting: watercolours, oil paints, canvases, brushes, palettes, easels, landscapes, still lifes, varnish, sketches: at the easel, in the art class, at the gallery
pottery: clay, glazes, kilns, teapots, bowls, throwing wheels, slip, vases, stoneware, trimming tools: in the pottery shed, at the kiln, at the craft market
knitting: wool, needles, scarves, cable patterns, mittens, yarn, cardigans, stitch markers, socks, lace shawls: in the armchair, at the yarn shop, at the knitting circle
woodworking: chisels, dovetail joints, oak boards, hand planes, sawdust, workbenches, walnut shelves, clamps, sandpaper, mallets: in the workshop, at the timber yard, in the garage
hiking: trail maps, hiking boots, mountain huts, ridge walks, trekking poles, waterfalls, backpacks, summits, forest paths, rain jackets: on the trail, in the hills, at the trailhead
climbing: ropes, carabiners, bouldering, chalk, climbing shoes, belays, overhangs, harnesses, cracks, granite walls: at the crag, in the climbing gym, on the wall
swimming: goggles, freestyle laps, swim caps, flip turns, backstroke, open water, kickboards, butterfly drills, pool lanes, wetsuits: at the pool, in the sea, in the slow lane
running: marathons, running shoes, intervals, tempo runs, half marathons, stopwatches, race bibs, split times, shin splints, finish lines: on the track, around the block, at the start line
football: free kicks, goalkeepers, league tables, penalties, midfielders, derbies, corner kicks, strikers, referees, away games: at the stadium, on the pitch, in the fan zone
tennis: rackets, backhands, serves, clay courts, tie breaks, volleys, forehands, tennis balls, doubles, drop shots: on the court, at the tennis club, at the net
skiing: ski wax, slalom turns, powder snow, ski passes, moguls, bindings, ski boots, black runs, chairlifts, goggle lenses: on the slope, at the ski hut, on the glacier
sailing: sails, knots, regattas, rudders, dinghies, tides, anchors, sea charts, spinnakers, headwinds: in the harbour, on the bay, on deck
birdwatching: binoculars, owls, warblers, nest boxes, herons, bird calls, migration, kingfishers, field guides, finches: in the marsh, at the hide, along the hedge
dogs: puppies, leashes, terriers, dog treats, agility courses, kennels, sheepdogs, obedience drills, dog beds, fetch games: at the dog park, on the walk, at the vet
cats: kittens, scratching posts, litter, tabbies, catnip, cat trees, whiskers, purring, laser toys, cat flaps: on the sofa, at the shelter, on the windowsill
aquariums: guppies, coral, water plants, filters and pumps, shrimp, snails, gravel beds, tetras, algae, fish tanks: at the aquarium shop, by the tank, in the fish room
beekeeping: honey, hives, smokers, queen bees, swarms, wax frames, pollen, bee suits, drones, clover fields: at the hives, in the orchard, at the honey stall
coffee: espresso, pour overs, coffee grinders, roasts, latte art, beans, milk foam, moka pots, filters and scales, cold brew: at the cafe, behind the counter, at the roastery
tea: oolong, green tea, matcha, tea ceremonies, kettles, jasmine, tea leaves, black tea, tea cups, chai: in the tea house, by the stove, at the tea stand
cheese: brie, cheddar, blue cheese, goat cheese, rinds, fondue, cheese boards, rennet, parmesan, cheese caves: at the cheese counter, at the dairy, in the cellar
cooking: curries, risotto, cast iron pans, stocks, roast vegetables, noodles, spice mixes, dumplings, soups, pickles: at the stove, in the cooking class, at the long table
chemistry: titrations, catalysts, crystals, test tubes, acids, reagents, polymers, beakers, isotopes, reactions: in the lab, at the bench, in the lecture hall
mathematics: proofs, prime numbers, topology, equations, theorems, knot theory, graph colouring, integrals, fractals, symmetry: at the blackboard, in the seminar, at the maths circle
robotics: servos, sensors, robot arms, line followers, circuit boards, grippers, batteries, wheel encoders, motor drivers, drone frames: in the makerspace, at the robot contest, on the test floor
programming: compilers, unit tests, type systems, debuggers, code reviews, pull requests, databases, parsers, memory leaks, refactoring: at the keyboard, at the meetup, in the terminal
video games: boss fights, speedruns, controllers, pixel art, quests, save files, consoles, levels, leaderboards, patch notes: on the console, at the arcade, in the lobby
board games: dice, meeples, card decks, rule books, strategy games, expansions, score pads, game nights, tile games, puzzles: at the game table, at the game cafe, at the flea market
history: medieval castles, archives, empires, old letters, treaties, revolutions, coins, ancient roads, chronicles, ruins: in the museum, at the dig, in the reading room
philosophy: ethics, free will, stoicism, logic, dialogues, existentialism, paradoxes, virtue, metaphysics, scepticism: in the study group, at the debate, on the park bench
poetry: sonnets, haiku, metaphors, rhymes, verse, stanzas, ballads, odes, elegies, poetry slams: at the reading, in the notebook, on stage
crime novels: detectives, alibis, cold cases, plot twists, murders, suspects, thrillers, clues, forensics, noir stories: in the bookshop, on the night train, at the book club
science fiction: starships, aliens, time travel, androids, dystopias, space stations, wormholes, cyborgs, terraforming, parallel worlds: at the convention, on the couch, in the library
cinema: film noir, directors, screenplays, westerns, close ups, documentaries, soundtracks, silent films, film festivals, premieres: at the cinema, in the front row, at the film club
theatre: monologues, rehearsals, costumes, comedies, stage lights, tragedies, puppets, props, improvisation, scripts: in the playhouse, behind the curtain, in the drama group
dancing: tango, salsa steps, ballet, waltzes, dance shoes, pirouettes, tap routines, ballroom, choreography, folk dances: on the dance floor, in the dance hall, in the mirror room
guitar: chords, capos, riffs, guitar strings, fingerpicking, amplifiers, pedalboards, tunings, solos, barre chords: in the rehearsal room, on the porch, at the open mic
trains: steam engines, timetables, model railways, signal boxes, sleeper cars, tram lines, locomotives, rail maps, viaducts, freight wagons: at the station, on the platform, in the train shed
vintage cars: carburettors, chrome bumpers, convertibles, rallies, spark plugs, roadsters, leather seats, hub caps, engine oil, number plates: at the car show, under the hood, on the country road
yoga: breathing, handstands, yoga mats, sun salutations, stretches, meditation, headstands, balance poses, hip openers, yoga blocks: on the mat, in the yoga studio, at the retreat
`

/** Every topic of the world, in fixed order. */
export const TOPICS: readonly Topic[] = TABLE.trim()
  .split('\n')
  .map((line) => {
    const [name, things, settings] = line.split(': ')
    return { name, things: things.split(', '), settings: settings.split(', ') }
  })

/** One value of a trait: how it shows in records, and how a profile says it. */
export interface TraitValue {
  phrases: readonly string[]
  profile: string
}

/** A person has one value of some of these; the others do not show. */
export const TRAITS: readonly (readonly TraitValue[])[] = [
  [
    { phrases: ['before sunrise', 'early in the morning', 'at dawn'], profile: 'early mornings' },
    { phrases: ['over lunch', 'at noon', 'in the lunch break'], profile: 'lunch breaks' },
    { phrases: ['after dinner', 'in the evening', 'at dusk'], profile: 'quiet evenings' },
    { phrases: ['past midnight', 'late at night', 'in the small hours'], profile: 'late nights' },
  ],
  [
    { phrases: ['at half price', 'on a small budget', 'for a few coins'], profile: 'bargains' },
    { phrases: ['second hand', 'from an estate sale', 'well used'], profile: 'second hand finds' },
    { phrases: ['no expense spared', 'of the finest quality', 'at a premium'], profile: 'premium quality' },
  ],
  [
    { phrases: ['all alone', 'by myself', 'without company'], profile: 'solitude' },
    { phrases: ['with old friends', 'with the whole gang', 'with friends'], profile: 'company of friends' },
    { phrases: ['with the kids', 'with my sister', 'with the family'], profile: 'family time' },
  ],
  [
    { phrases: ['what a joy', 'absolutely loved it', 'simply wonderful'], profile: 'an enthusiastic tone' },
    { phrases: ['not quite convinced', 'somewhat overrated', 'could be better'], profile: 'a critical tone' },
    { phrases: ['for the record', 'as measured', 'noted in detail'], profile: 'a factual tone' },
    { phrases: ['slow and calm', 'in no hurry', 'at an easy pace'], profile: 'a calm pace' },
  ],
]

/** How a record begins; one or two things follow. */
export const OPENERS: readonly string[] = [
  'Tried',
  'Read about',
  'Learned about',
  'Talked about',
  'Spent an hour on',
  'Wrote a note on',
  'Compared',
  'Looked closely at',
  'Bought',
  'Asked about',
  'Watched a video on',
  'Thought about',
]

/** How a profile begins; a list of interests follows. */
export const PROFILE_OPENERS: readonly string[] = [
  'Keen on',
  'Mostly into',
  'A fan of',
  'Spends free time on',
  'Enjoys',
]

/** What a profile that says nothing lists in the place of interests. */
export const VAGUE_INTERESTS: readonly string[] = [
  'many different things',
  'all sorts of hobbies',
  'learning something new',
  'the good things in life',
  'interesting ideas',
  'a bit of everything',
  'new experiences',
  'useful information',
]

/** What a profile that says nothing lists in the place of tastes. */
export const VAGUE_TASTES: readonly string[] = [
  'variety',
  'a good balance',
  'quality time',
  'simple pleasures',
  'what works',
]
