# What all plots share. Kinds differ in colour, dash and point shape, so that they can be told apart in black and white.
# Expects subtitle and name (of the pictures).
set encoding utf8
set datafile missing "NA"
set border 3 linecolor "#444444" linewidth 1.2
set tics nomirror out textcolor "#222222"
set grid ytics linetype 1 dashtype solid linecolor "#dddddd" linewidth 1
set format "%g"
set key outside bottom center horizontal Left reverse samplen 4 spacing 1.4 height 0.6
set errorbars 0.7

set linetype 1 linecolor "#0072b2" linewidth 2.5 dashtype solid      pointtype 7  pointsize 1.4
set linetype 2 linecolor "#d55e00" linewidth 2.5 dashtype (14,7)     pointtype 5  pointsize 1.3
set linetype 3 linecolor "#222222" linewidth 2.5 dashtype (4,5)      pointtype 9  pointsize 1.7
# Joint plans often begin with attention alone: where both curves are one, attention shows through the gaps and rings of this one.
set linetype 4 linecolor "#c2408f" linewidth 2.5 dashtype (9,11)     pointtype 12 pointsize 2.6

style(kind) = kind eq "attn" ? 1 : kind eq "mlp" ? 2 : kind eq "block" ? 3 : 4
hollow(kind) = word("6 4 8 12", style(kind)) + 0
label(kind) = word("attention MLP block joint", style(kind))

# The x axis counts modules or layers: a tick at whole numbers, half a step of air at both ends.
stats "data.txt" using 1 name "x" nooutput
set xrange [x_min - 0.5 : x_max + 0.5]
x_step = x_max - x_min <= 12 ? 1 : x_max - x_min <= 32 ? 2 : x_max - x_min <= 80 ? 5 : 20
set xtics x_step

# File names have underscores, which are no subscripts.
describe(what) = what."\n".subtitle
terminal(picture) = picture eq "png" ? "pngcairo size 1200,800 font 'Sans,17'" : "svg size 1200,800 font 'Sans,20'"
begin(picture) = sprintf("set terminal %s background '#ffffff' enhanced; set output '%s.%s'", terminal(picture), name, picture)
