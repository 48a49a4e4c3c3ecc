# Writes fixtures.json: data sets and what R says of them. Base R only (r-base-core).
#   Rscript tests/statistics/make_fixtures.R > tests/statistics/fixtures.json
# Games-Howell, Levene, sums of squares of Type II, Nemenyi and the effect sizes, which base R lacks, are composed of its
# functions. R's qtukey stops at 1e-4, so quantiles are roots. R's ptukey is off by 5e-5 at two degrees of freedom and by 1e-6
# with 40 groups, as pt (two groups) and integrate() over the definition show: below ten, those stand in for it.
options(digits = 17)
set.seed(20240901)

num <- function(x) ifelse(is.finite(x), sprintf("%.17g", x), "null")
json <- function(x) {
  if (is.list(x)) {
    inner <- vapply(x, json, "")
    if (is.null(names(x))) paste0("[", paste(inner, collapse = ", "), "]")
    else paste0("{", paste0("\"", names(x), "\": ", inner, collapse = ", "), "}")
  } else if (is.character(x)) paste0("\"", x, "\"")
  else if (length(x) == 1) num(x)
  else paste0("[", paste(num(x), collapse = ", "), "]")
}
values <- function(x) lapply(x, function(v) v)

root <- function(f, low, high) uniroot(f, c(low, high), tol = 1e-13, maxiter = 1000)$root
exact_range <- function(q, k, df) {
  if (k == 2) return(2 * pt(-q / sqrt(2), df))
  f <- function(g, low, high) sum(vapply(seq_len(length(low)), function(i) integrate(g, low[i], high[i], rel.tol = 1e-12)$value, 0))
  above <- function(w) { z <- seq(-8, 14, 2); f(function(x) k * dnorm(x) * (pnorm(x)^(k - 1) - (pnorm(x) - pnorm(x - w))^(k - 1)), head(z, -1), z[-1]) }
  u <- seq(0, 5, 0.5)  # s = chi / sqrt(df)
  f(function(s) 2 * df * s * dchisq(df * s^2, df) * vapply(q * s, above, 0), head(u, -1), u[-1])
}

range_upper <- function(q, k, df) if (df < 10) exact_range(q, k, df) else ptukey(q, k, df, lower.tail = FALSE)
qtukey_root <- function(p, k, df) root(function(q) range_upper(q, k, df) - p, 1, 60)

effects <- function(ss, df, rss, rdf, total, n) {
  mse <- rss / rdf
  f <- ss / df / mse
  list(sum_of_squares = ss, df = df, f = f, p = pf(f, df, rdf, lower.tail = FALSE), eta_squared = ss / total,
       partial_eta_squared = ss / (ss + rss), omega_squared = (ss - df * mse) / (total + mse),
       partial_omega_squared = df * (f - 1) / (df * (f - 1) + n))
}

pairs_of <- function(levels, f) {
  out <- list()
  for (i in seq_along(levels)) for (j in seq_along(levels)) if (i < j) out[[length(out) + 1]] <- f(levels[i], levels[j])
  out
}

tukey_pairs <- function(y, g, mse, df) {
  m <- tapply(y, g, mean); n <- tapply(y, g, length); k <- nlevels(g)
  crit <- qtukey_root(0.05, k, df)
  pairs_of(levels(g), function(a, b) {
    w <- sqrt(mse / 2 * (1 / n[[a]] + 1 / n[[b]])); d <- m[[a]] - m[[b]]
    list(first = a, second = b, difference = d, low = d - crit * w, high = d + crit * w,
         p = range_upper(abs(d) / w, k, df))
  })
}
games_howell_pairs <- function(y, g) {
  m <- tapply(y, g, mean); n <- tapply(y, g, length); v <- tapply(y, g, var) / n; k <- nlevels(g)
  pairs_of(levels(g), function(a, b) {
    s <- v[[a]] + v[[b]]; w <- sqrt(s / 2); d <- m[[a]] - m[[b]]
    df <- s^2 / (v[[a]]^2 / (n[[a]] - 1) + v[[b]]^2 / (n[[b]] - 1))
    crit <- qtukey_root(0.05, k, df)
    list(first = a, second = b, difference = d, low = d - crit * w, high = d + crit * w,
         p = range_upper(abs(d) / w, k, df))
  })
}
# TukeyHSD itself, whose widths come from qtukey.
tukey_of_r <- function(fit, which) {
  t <- TukeyHSD(fit, which)[[which]]
  lapply(seq_len(nrow(t)), function(i) list(pair = rownames(t)[i], difference = t[i, "diff"], low = t[i, "lwr"], high = t[i, "upr"]))
}

one_factor <- function(name, groups) {
  y <- unlist(groups, use.names = FALSE)
  g <- factor(rep(names(groups), lengths(groups)), levels = names(groups))
  fit <- aov(y ~ g)
  t <- summary(fit)[[1]]
  rss <- t[["Sum Sq"]][2]; rdf <- t[["Df"]][2]
  row <- effects(t[["Sum Sq"]][1], t[["Df"]][1], rss, rdf, sum(t[["Sum Sq"]]), length(y))
  stopifnot(all.equal(row$f, t[["F value"]][1]), all.equal(row$p, t[["Pr(>F)"]][1]))
  w <- oneway.test(y ~ g, var.equal = FALSE)
  l <- summary(aov(abs(y - ave(y, g, FUN = median)) ~ g))[[1]]
  s <- shapiro.test(residuals(fit))
  a <- groups[[1]]; b <- groups[[2]]
  na <- length(a); nb <- length(b)
  d <- (mean(a) - mean(b)) / sqrt(((na - 1) * var(a) + (nb - 1) * var(b)) / (na + nb - 2))
  scale <- sqrt(1 / na + 1 / nb); tt <- d / scale
  ncp <- function(p) root(function(x) pt(tt, na + nb - 2, x) - p, max(-37, tt - 12), min(37, tt + 12))
  list(name = name, groups = lapply(names(groups), function(x) list(name = x, values = values(groups[[x]]))),
       one_way = row, residual_sum_of_squares = rss, residual_df = rdf,
       welch = list(f = w$statistic[[1]], df1 = w$parameter[[1]], df2 = w$parameter[[2]], p = w$p.value),
       levene = list(f = l[["F value"]][1], p = l[["Pr(>F)"]][1]),
       shapiro = list(w = s$statistic[[1]], p = s$p.value),
       tukey = tukey_pairs(y, g, rss / rdf, rdf), tukey_hsd_of_r = tukey_of_r(fit, "g"),
       games_howell = games_howell_pairs(y, g),
       # Beyond |ncp| = 37.6 R's pt is only an approximation.
       cohens_d = if (abs(tt) < 20) list(d = d, low = ncp(0.975) * scale, high = ncp(0.025) * scale) else list(d = d))
}

two_factor <- function(name, a, b, y) {
  a <- factor(a, levels = unique(a)); b <- factor(b, levels = unique(b))
  rss <- function(...) sum(residuals(lm(...))^2)
  full <- lm(y ~ a * b, contrasts = list(a = "contr.sum", b = "contr.sum"))
  additive <- rss(y ~ a + b); all <- sum(residuals(full)^2); rdf <- full$df.residual
  total <- sum((y - mean(y))^2)
  row <- function(ss, df) effects(ss, df, all, rdf, total, length(y))
  third <- drop1(full, . ~ ., test = "F")
  da <- nlevels(a) - 1; db <- nlevels(b) - 1
  interaction <- row(additive - all, da * db)
  first <- anova(full)
  stopifnot(all.equal(first[["F value"]][3], interaction$f))
  type3 <- list(row(third[["Sum of Sq"]][2], da), row(third[["Sum of Sq"]][3], db), interaction)
  stopifnot(all.equal(third[["F value"]][2], type3[[1]]$f))
  list(name = name, a = as.list(as.character(a)), b = as.list(as.character(b)), values = values(y),
       residual_sum_of_squares = all, residual_df = rdf,
       type2 = list(row(rss(y ~ b) - additive, da), row(rss(y ~ a) - additive, db), interaction), type3 = type3)
}

blocked <- function(name, a, b, y) {
  a <- factor(a, levels = unique(a)); b <- factor(b, levels = unique(b))
  fit <- aov(y ~ a + b)
  t <- summary(fit)[[1]]
  ss <- t[["Sum Sq"]]; df <- t[["Df"]]
  list(name = name, a = as.list(as.character(a)), b = as.list(as.character(b)), values = values(y),
       residual_sum_of_squares = ss[3], residual_df = df[3],
       rows = list(effects(ss[1], df[1], ss[3], df[3], sum(ss), length(y)), effects(ss[2], df[2], ss[3], df[3], sum(ss), length(y))),
       tukey = tukey_pairs(y, a, ss[3] / df[3], df[3]))
}

friedman <- function(name, m) {
  f <- friedman.test(m)
  k <- ncol(m); n <- nrow(m)
  ranks <- colMeans(t(apply(m, 1, rank)))
  w <- sqrt(k * (k + 1) / (12 * n))
  list(name = name, groups = lapply(colnames(m), function(c) list(name = c, values = values(m[, c]))),
       chi_squared = f$statistic[[1]], df = f$parameter[[1]], p = f$p.value, mean_ranks = values(unname(ranks)),
       critical_difference = qtukey_root(0.05, k, Inf) * w,
       nemenyi = pairs_of(colnames(m), function(a, b)
         list(first = a, second = b, difference = ranks[[a]] - ranks[[b]],
              p = ptukey(abs(ranks[[a]] - ranks[[b]]) / w, k, Inf, lower.tail = FALSE))))
}

accuracy <- function(n, mean, sd) round(rnorm(n, mean, sd), 4)  # as accuracies on 10,000 samples are
five <- list(baseline = accuracy(5, 0.991, 0.0006), pruned = accuracy(5, 0.9885, 0.001), int8 = accuracy(5, 0.9908, 0.0006),
             distilled = accuracy(5, 0.9921, 0.0005), hybrid = accuracy(5, 0.9896, 0.0008))
unbalanced <- list(a = rnorm(3, 10, 1), b = rnorm(7, 11, 1.5), c = rnorm(12, 10.5, 4), d = rnorm(4, 14, 0.5))
ties <- list(a = c(1, 1, 2, 2, 3), b = c(2, 2, 2, 3, 3, 4), c = c(5, 4, 4, 4, 5))
tiny <- list(a = rnorm(6, 1e-7, 1e-9), b = rnorm(6, 1.01e-7, 2e-9), c = rnorm(6, 1.02e-7, 1e-9))
offset <- list(a = 1e4 + round(rnorm(8), 3), b = 1e4 + 0.4 + round(rnorm(8), 3), c = 1e4 + 0.9 + round(rnorm(8), 3))
two <- list(a = rnorm(5), b = rnorm(5, 1))
twelve <- setNames(lapply(1:12, function(i) rnorm(9, i / 6)), letters[1:12])
equal <- list(a = rnorm(4), b = rnorm(4), c = rnorm(4))  # no effect

grid <- expand.grid(t = c("baseline", "pruned", "hybrid"), n = c("mnist", "har"), s = 1:5, stringsAsFactors = FALSE)
y_grid <- rnorm(30, 0.98 - 0.01 * (grid$t == "pruned") - 0.03 * (grid$n == "har") - 0.01 * (grid$t == "hybrid" & grid$n == "har"), 0.004)
holes <- grid[-c(2, 5, 9, 10, 11, 17, 28), ]
y_holes <- y_grid[-c(2, 5, 9, 10, 11, 17, 28)]
wide <- expand.grid(t = letters[1:4], n = LETTERS[1:5], s = 1:2, stringsAsFactors = FALSE)
wide <- wide[sample(nrow(wide)), ]
wide <- wide[!(duplicated(wide[, 1:2]) & runif(nrow(wide)) < 0.4), ]
y_wide <- rnorm(nrow(wide), 1e3 + as.numeric(factor(wide$t)), 2)
blocks <- expand.grid(t = names(five), s = paste0("seed", 1:5), stringsAsFactors = FALSE)
y_blocks <- round(rnorm(25, 0.97 + 0.002 * as.numeric(factor(blocks$t)) + 0.003 * as.numeric(factor(blocks$s)), 0.001), 4)
pair_blocks <- expand.grid(t = c("x", "y"), s = letters[1:7], stringsAsFactors = FALSE)
y_pair <- rnorm(14, 100 + as.numeric(factor(pair_blocks$s)), 0.3)

ranks <- matrix(rnorm(6 * 4), 6, dimnames = list(NULL, c("a", "b", "c", "d"))) + rep(c(0, 0.5, 1, 3), each = 6)
rank_ties <- matrix(c(1, 1, 2, 3, 3, 3, 1, 2, 2, 4, 4, 5, 2, 2, 2), 5, byrow = TRUE, dimnames = list(NULL, c("a", "b", "c")))
rank_pair <- matrix(round(rnorm(20), 1), 10, dimnames = list(NULL, c("a", "b")))

shapiro <- function(x) { s <- shapiro.test(x); list(values = values(x), w = s$statistic[[1]], p = s$p.value) }
range_cases <- expand.grid(q = c(0.05, 0.8, 2, 3.5, 5, 9, 20), k = c(2, 3, 5, 12), df = c(10, 20, 60, 240, 2000, Inf))
quantile_cases <- expand.grid(p = c(0.1, 0.05, 0.01), k = c(2, 3, 12), df = c(10, 20, 100, Inf))

exact_cases <- rbind(expand.grid(q = c(0.8, 3.5, 9, 20), k = 2, df = c(2, 4.7, 8, 60, 2000)),
                     expand.grid(q = c(1, 3.5, 6), k = c(3, 5, 12, 40), df = c(2, 4.7, 8, 20)))
out <- list(
  r = R.version.string,
  one_factor = list(one_factor("accuracies of five techniques", five), one_factor("unbalanced", unbalanced), one_factor("ties", ties),
                    one_factor("tiny variances", tiny), one_factor("large offset", offset), one_factor("two groups", two),
                    one_factor("twelve groups", twelve), one_factor("no effect", equal)),
  two_factor = list(two_factor("balanced", grid$t, grid$n, y_grid), two_factor("unbalanced", holes$t, holes$n, y_holes),
                    two_factor("many cells", wide$t, wide$n, y_wide)),
  blocked = list(blocked("five techniques, five seeds", blocks$t, blocks$s, y_blocks), blocked("pairs", pair_blocks$t, pair_blocks$s, y_pair)),
  friedman = list(friedman("six data sets", ranks), friedman("ties", rank_ties), friedman("two techniques", rank_pair)),
  shapiro = list(shapiro(rnorm(3)), shapiro(rnorm(4)), shapiro(rnorm(5)), shapiro(rnorm(6)), shapiro(rexp(11)), shapiro(rnorm(12)),
                 shapiro(rexp(40)), shapiro(round(rnorm(200, 5))), shapiro(runif(600) * 1e-9), shapiro(c(1, 1, 1, 1, 2))),
  studentized_range = lapply(seq_len(nrow(range_cases)), function(i) with(range_cases[i, ],
    list(q = q, groups = k, df = df, upper = ptukey(q, k, df, lower.tail = FALSE)))),
  studentized_range_exact = lapply(seq_len(nrow(exact_cases)), function(i) with(exact_cases[i, ],
    list(q = q, groups = k, df = df, upper = exact_range(q, k, df)))),
  studentized_range_quantile = lapply(seq_len(nrow(quantile_cases)), function(i) with(quantile_cases[i, ],
    list(p = p, groups = k, df = df, q = qtukey_root(p, k, df), qtukey = qtukey(p, k, df, lower.tail = FALSE)))),
  holm = lapply(list(c(0.01, 0.04, 0.03, 0.005), c(0.5, 0.6, 0.9), c(1e-9, 0.05, 0.05, 0.2, 1e-3), 0.03), function(p)
    list(p = values(p), adjusted = values(p.adjust(p, "holm")))))
# Last, so that the numbers drawn above stay. Regression by a Gaussian process as its definition says, by solve() and det().
gaussian_process <- function(n, d, linear, smooth, length, noise) {
  x <- matrix(rnorm(n * d), n); y <- rnorm(n, 5 + 2 * x[, 1] + sin(3 * x[, d]), 0.3); at <- matrix(rnorm(4 * d), 4)
  k <- function(a, b) linear * a %*% t(b) + smooth * exp(-outer(rowSums(a^2), rowSums(b^2), "+") / (2 * length^2) + a %*% t(b) / length^2)
  m <- mean(y); s <- sqrt(mean((y - m)^2)); z <- (y - m) / s; full <- k(x, x) + noise * diag(n)
  list(points = lapply(1:n, function(i) values(x[i, ])), values = values(y), linear = linear, smooth = smooth, length = length, noise = noise,
       at = lapply(1:4, function(i) values(at[i, ])), mean = values(m + s * k(at, x) %*% solve(full, z)),
       deviation = values(s * sqrt(diag(k(at, at) - k(at, x) %*% solve(full, k(x, at))))),
       log_likelihood = -(sum(z * solve(full, z)) + as.numeric(determinant(full)$modulus) + n * log(2 * pi)) / 2)
}
out$gaussian_process <- list(gaussian_process(2, 2, 0, 1, 1, 0.1), gaussian_process(12, 3, 1, 1, 0.5, 0.01), gaussian_process(30, 4, 1, 0.1, 2, 0.3))
# Percentiles of d over every resample that there is of two small groups, each as likely as it is.
bootstrap <- function(a, b) {
  resamples <- function(x) {
    n <- length(x); s <- as.matrix(expand.grid(rep(list(x), n)))
    list(mean = rowMeans(s), squares = rowSums((s - rowMeans(s))^2))
  }
  ra <- resamples(a); rb <- resamples(b)
  s <- sqrt(outer(ra$squares, rb$squares, "+") / (length(a) + length(b) - 2))
  d <- (outer(ra$mean, rb$mean, "-") / s)[s > 1e-12]
  q <- quantile(d, c(0.025, 0.975), names = FALSE)
  list(a = values(a), b = values(b), low = q[1], high = q[2])
}
out$bootstrap <- list(bootstrap(c(1.3, 2.1, 1.7, 2.6), c(1.1, 1.2, 1.9, 0.8)), bootstrap(c(0.97, 0.99, 0.95), c(0.9, 0.93, 0.94, 0.98, 0.91)))
# A case a line, so that a change is seen in a diff.
parts <- vapply(names(out), function(n) {
  x <- out[[n]]
  if (is.list(x)) paste0("\"", n, "\": [\n", paste(vapply(x, json, ""), collapse = ",\n"), "\n]") else paste0("\"", n, "\": ", json(x))
}, "")
cat("{\n", paste(parts, collapse = ",\n"), "\n}\n", sep = "")
